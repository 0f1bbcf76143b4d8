// Who takes the card: one interface for every provider. The number stays in the
// provider's fields; what leaves them is a token.
import {api, data, type Schemas} from '@shared/app/api.ts'

export interface CardForm {
  /** The provider's token for the card; null: the fields say themselves what is missing. */
  token(): Promise<string | null>
}
export type Config = Schemas['PaymentConfig']

let asked: Promise<Config> | null = null

/** Whose fields to show, asked once. */
export function config(): Promise<Config> {
  asked ??= data(api.GET('/payment-config')).catch((e: unknown) => { asked = null; throw e })
  return asked
}
