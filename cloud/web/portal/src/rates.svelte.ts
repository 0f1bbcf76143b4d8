// The second currency: which one somebody wants to see, and what it is worth. It is asked
// for when it is wanted, and again after an hour.
import {about, currencies, type Rates} from '@shared/price/about.ts'
import type {Amount} from '@shared/price/sum.ts'
import {api} from '@shared/app/api.ts'
import {prefs} from '@shared/app/prefs.svelte.ts'

const HOUR = 3_600_000
let rates = $state.raw<Rates | null>(null)
let asked = 0

/** Asks for the rates unless they are there. Without an answer there are no second prices. */
export async function askRates(now = Date.now()): Promise<void> {
  if (now - asked < HOUR) return
  asked = now
  try {
    const {data} = await api.GET('/exchange-rates')
    if (data) rates = data
    else asked = 0
  } catch {
    asked = 0 // no network: asked again with the next page
  }
}

/** The codes that can be chosen; none: the operator of the server gives no rates. */
export const choices = (): string[] => (rates ? currencies(rates) : [])

/** The amount in the reader's second currency, with the day of its rate; null: there is none. */
export function second(a: Amount | null | undefined): {amount: Amount; day: string} | null {
  if (!a || !prefs.currency) return null
  void askRates()
  const amount = about(a, prefs.currency, rates)
  return amount && rates?.as_of ? {amount, day: rates.as_of} : null
}
