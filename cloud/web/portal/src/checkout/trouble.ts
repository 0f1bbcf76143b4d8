// What a refused reservation means: first what is safe, then what to do.
import {money, type Language} from '@shared/format/format.ts'
import {say} from '@shared/i18n/say.ts'
import type {Failure} from '@shared/app/api.ts'
import {unclear} from '@shared/app/once.ts'
import {put} from '../booking/put.ts'
import type {Money} from '../booking/rules.ts'
import type {Words} from './words.ts'

export type Trouble = 'progress' | 'offline' | 'unclear' | 'declined' | 'soldOut' | 'quote' | 'fields' | 'refused'

export function trouble(f: Failure): Trouble {
  if (f.code === 'request_in_progress') return 'progress'
  if (f.code === 'offline') return 'offline'
  if (f.code === 'payment_declined' || f.problem?.status === 402) return 'declined'
  if (f.code === 'sold_out') return 'soldOut'
  if (f.code === 'quote_expired' || f.code === 'quote_mismatch') return 'quote'
  if (unclear(f)) return 'unclear'
  return f.code === 'request_invalid' ? 'fields' : 'refused'
}

export interface Wrong { kind: Trouble; failure: Failure | null; /** The price before it was asked again. */ before?: Money }
export interface Spoken { kind: 'off' | 'info' | 'warn' | 'wrong'; heading: string; body: string; code: string }

/** The words for it. */
export function spoken({kind, failure, before}: Wrong, quote: {price: Money} | null, w: Words, l: Language): Spoken {
  const code = failure && failure.code !== 'offline' ? failure.code : ''
  switch (kind) {
    case 'progress': return {kind: 'info', heading: w.progress, body: w.progressText, code}
    case 'offline': return {kind: 'off', heading: w.nobody, body: w.againText, code}
    case 'unclear': return {kind: 'warn', heading: w.unclear, body: w.againText, code}
    case 'declined': return {kind: 'wrong', heading: w.declined, body: w.declinedText, code}
    case 'soldOut': return {kind: 'wrong', heading: w.soldOut, body: w.soldOutText, code}
    case 'fields': return {kind: 'wrong', heading: w.refused, body: w.marked, code}
    case 'quote': return quote && before && quote.price.minor !== before.minor
      ? {kind: 'warn', heading: put(w.quoteNew, {price: money(quote.price, l), before: money(before, l)}), body: w.quoteNewText, code}
      : {kind: 'info', heading: w.quoteSame, body: w.quoteSameText, code}
    case 'refused': {
      const because = say(failure?.code ?? 'internal', l)
      return {kind: 'wrong', heading: w.refused, body: [because.what, ...because.rest].join(' '), code}
    }
  }
}
