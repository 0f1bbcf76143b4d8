// What a booking shows and says, from its state and the time: no effects here.
import type {Language} from '@shared/format/format.ts'
import type {Schemas} from '@shared/app/api.ts'

export type Reservation = Schemas['Reservation']
export type Money = Schemas['Amount']

export type Section =
  | 'bank' | 'waiting' | 'card' | 'pending' | 'pass' | 'stay' | 'approve' | 'longer' | 'other' | 'cancel'
  | 'done' | 'missed' | 'over' | 'owed' | 'receipt' | 'reminders' | 'price'

/** Nothing is held for it: it is paid at the machine. */
export const promised = (r: Reservation): boolean =>
  r.price.minor > 0 && r.payment.authorized.minor === 0 && ['authorized', 'void_requested', 'voided'].includes(r.payment.state)

/** Still to come, or going on. */
export const open = (r: Reservation): boolean => ['held', 'confirmed', 'active'].includes(r.state)

/** Whether the space is still kept for whoever comes now. */
export const kept = (r: Reservation, now: number): boolean => !r.no_show_at || now < Date.parse(r.no_show_at)

/** Whether all about the money is settled, so that there is a receipt: of each stay and each time that was kept, and of what was given up after it had been secured. */
export const hasReceipt = (r: Reservation): boolean =>
  ['captured', 'voided', 'lapsed', 'method_saved', 'declined'].includes(r.payment.state) &&
  (['completed', 'no_show', 'walked'].includes(r.state) ||
    (['cancelled', 'voided'].includes(r.state) && (r.payment.authorized.minor > 0 || ['lapsed', 'method_saved'].includes(r.payment.state))))

/** Whether the bank refused the card, and the space is kept for another one. */
export const anotherCard = (r: Reservation): boolean =>
  r.state === 'held' && (r.cards_left ?? 0) > 0 && ['declined', 'void_requested', 'voided'].includes(r.payment.state)

/** Which sections a booking has, from above. */
export function sections(r: Reservation, now: number): Section[] {
  const out: Section[] = []
  switch (r.state) {
    case 'held':
      out.push(anotherCard(r) ? 'card' : r.payment.state === 'requires_action' ? 'bank' : 'waiting', 'cancel')
      break
    case 'confirmed':
    case 'active': {
      const over = r.state === 'confirmed' && !kept(r, now)
      if (r.pending_change) out.push('pending')
      if (r.payment.next_action && r.payment.state !== 'requires_action') out.push('approve')
      out.push('pass', 'stay')
      if (!r.pending_change && !over) out.push('longer', 'other')
      if (r.state === 'confirmed') out.push('cancel')
      out.push('reminders')
      break
    }
    case 'completed': out.push('done'); break
    case 'no_show': out.push('missed'); if (r.pass) out.push('pass'); break
    default: out.push('over')
  }
  if (r.owed && !open(r)) out.push('owed')
  if (hasReceipt(r)) out.push('receipt')
  out.push('price')
  return out
}

/** What giving a booking up costs now. */
export type Giving = {free: true; until: number} | {free: false; until: number; charge: Money | null}
export function giving(r: Reservation, now: number): Giving {
  const until = Date.parse(r.no_show_at || r.to)
  return kept(r, now) ? {free: true, until} : {free: false, until, charge: r.no_show_charge?.minor ? r.no_show_charge : null}
}

/** How the price is secured. */
export type Held = 'savedDeclined' | 'saved' | 'lapsed' | 'promised' | 'held' | 'nothing'
export function held(r: Reservation): Held {
  if (r.payment.state === 'method_saved') return r.payment.decline_code ? 'savedDeclined' : 'saved'
  if (r.payment.state === 'lapsed') return 'lapsed'
  if (promised(r)) return 'promised'
  return r.price.minor > 0 ? 'held' : 'nothing'
}

export type Over = 'walked' | 'voided' | 'cancelledFree' | 'cancelledPaid' | 'cancelledPromised' | 'declined' | 'expired'
/** What became of a booking that is no more, and what is taken for it. */
export function over(r: Reservation): {what: Over; taken: Money | null} {
  if (r.state === 'walked' || r.state === 'voided') return {what: r.state, taken: null}
  if (r.state === 'cancelled') {
    const taken = r.payment.captured?.minor ? r.payment.captured : r.payment.state === 'capture_requested' && r.no_show_charge?.minor ? r.no_show_charge : null
    return {what: taken ? 'cancelledPaid' : promised(r) ? 'cancelledPromised' : 'cancelledFree', taken}
  }
  return {what: r.payment.state === 'declined' ? 'declined' : 'expired', taken: null}
}

/** How what is owed stands. */
export type Owed = 'approve' | 'paying' | 'due' | 'paid' | 'none'
export function owed(r: Reservation): Owed {
  const o = r.owed
  if (!o) return 'none'
  switch (o.payment?.state) {
    case 'requires_action': return 'approve'
    case 'requested': case 'unknown': case 'authorized': case 'capture_requested': return 'paying'
  }
  if (o.amount.minor > 0) return 'due'
  return o.payment?.state === 'captured' ? 'paid' : 'none'
}

export type Refunds = {given: Money | null; onTheWay: boolean}
/** What was given back of what had been taken. */
export const refunds = (r: Reservation): Refunds => ({
  given: r.payment.refunded?.minor ? r.payment.refunded : null,
  onTheWay: (r.payment.refunds ?? []).some(x => x.state === 'requested' || x.state === 'pending'),
})

export {short} from '@shared/format/format.ts'

/**
 * Whether an answer takes the place of what is known. A payment may change without
 * a new version: then what was asked for later counts, whichever comes first.
 */
export const newer = (known: {version: number} | null | undefined, got: {version: number}, asked: number, knownAsked: number): boolean =>
  !known || got.version > known.version || (got.version === known.version && asked >= knownAsked)

/**
 * Where the second step is taken. The sandbox's page is told where to come back
 * to; a real provider was told when it was asked.
 */
export function bankPage(next: string, id: string, origin: string, language: Language): string {
  const u = new URL(next, origin)
  if (u.pathname.startsWith('/dev/sandbox/challenge/')) {
    u.searchParams.set('return', `/#/r/${encodeURIComponent(id)}`)
    u.searchParams.set('lang', language)
  }
  return u.href
}

/** The difference that is paid, or comes back. */
export const difference = (now: Money, before: Money): Money => ({minor: now.minor - before.minor, currency: now.currency})

export interface Countdown {left: number; share: number; text: string}
/** What is left of the time between two instants. */
export function countdown(from: number, until: number, now: number): Countdown {
  const left = Math.max(0, until - now), whole = Math.max(1, until - from)
  const s = Math.ceil(left / 1000)
  return {left, share: Math.min(1, left / whole), text: `${Math.floor(s / 60)}:${String(s % 60).padStart(2, '0')}`}
}
