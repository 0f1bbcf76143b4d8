// What an amount is about in another currency. Nobody is charged by it.
import {decimals} from '../format/format.ts'
import type {Amount} from './sum.ts'

/** Rates of one day: one of the base is worth so many of each. */
export interface Rates { base?: string; as_of?: string; rates: Record<string, number> }

const worth = (r: Rates, currency: string): number | undefined => (currency === r.base ? 1 : r.rates[currency])

/** The codes that an amount can be shown in, in their order. */
export const currencies = (r: Rates): string[] => (r.base ? [...new Set([r.base, ...Object.keys(r.rates)])].sort() : [])

/** The amount in another currency, to its smallest coin; null: it is the same one, or no rate is known. */
export function about(a: Amount, currency: string, r: Rates | null): Amount | null {
  if (!r || !currency || currency === a.currency) return null
  const from = worth(r, a.currency), to = worth(r, currency)
  if (!from || !to) return null
  const minor = Math.round((a.minor / 10 ** decimals(a.currency) / from) * to * 10 ** decimals(currency))
  return Number.isSafeInteger(minor) ? {minor, currency} : null
}
