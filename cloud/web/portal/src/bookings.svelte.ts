// The bookings of this device, newest first: for whoever has no account, and for
// a gate without network.
import type {Schemas} from '@shared/app/api.ts'
import {newer} from './booking/rules.ts'
import {device, isObject, read, write} from '@shared/app/stored.ts'

export type Reservation = Schemas['Reservation']

export interface Kept {
  id: string
  /** The manage token; empty: it is the account's, and the session opens it. */
  token: string
  /** The account that it belongs to: it leaves the device with it. */
  account?: string
  parking?: {id: string; name: string; timezone: string; latitude: number; longitude: number}
  /** As it was last seen. */
  reservation?: Reservation
  /** When what is known of it was asked for, or told, ms. */
  seen?: number
}

const isList = (v: unknown): v is Kept[] => Array.isArray(v) && v.every(b => isObject(b) && typeof b['id'] === 'string' && typeof b['token'] === 'string')

const MOST = 50
const KEY = 'openlot.bookings'
let list = $state.raw<Kept[]>(read(device, KEY, [], isList))

// Another tab has changed them.
globalThis.addEventListener?.('storage', e => { if (e.key === KEY) list = read(device, KEY, [], isList) })

export const bookings = (): readonly Kept[] => list
/** Whether a booking is still to be used: its time is not over, and nobody has ended it. One of which nothing is known may be. */
export const isAhead = (b: Kept, now: number): boolean => {
  const r = b.reservation
  if (!r) return true
  return ['held', 'confirmed'].includes(r.state) ? Date.parse(r.to) > now : r.state === 'active'
}

/** The kept pass that is needed next: where there is no line, else from two hours before its time to two hours after it. */
export function nextPass(some: readonly Kept[], now: number, off: boolean): Kept | undefined {
  const near = 2 * 3_600_000, begin = (b: Kept) => Date.parse(b.reservation?.from ?? '')
  return some.filter(b => b.reservation?.pass && (isAhead(b, now) ? off || begin(b) - near <= now : b.reservation.state === 'confirmed' && now <= Date.parse(b.reservation.to) + near)).sort((a, b) => begin(a) - begin(b))[0]
}

/** One that is kept here for the same parking, in a time that a window overlaps. */
export const overlapping = (some: readonly Kept[], parking: string, win: {from: number; to: number}): Kept | undefined => some.find(({reservation: r}) =>
  r?.parking_id === parking && ['held', 'confirmed', 'active'].includes(r.state) && Date.parse(r.from) < win.to && win.from < Date.parse(r.to))

export const booking = (id: string): Kept | undefined => list.find(b => b.id === id)

/** When it was seen; one from after now is of a clock that was wrong, and says nothing. */
export const seenBy = (b: Kept | undefined): number => (b?.seen && b.seen <= Date.now() ? b.seen : 0)

/** Adds to what is known of a booking. What is older, by its version or by when it was asked for (`seen`; now if not given), does not replace what is newer. */
export function keep(b: Partial<Kept> & {id: string}): void {
  const old: Kept = booking(b.id) ?? {id: b.id, token: ''}
  const {reservation, seen = Date.now(), ...rest} = b
  const next = {...old, ...rest, ...(reservation && newer(old.reservation, reservation, seen, seenBy(old)) && {reservation, seen})}
  list = [next, ...list.filter(x => x.id !== b.id)].slice(0, MOST)
  write(device, KEY, list)
}

/** What belonged to an account leaves the device; guests' bookings stay. */
export function disown(): void {
  list = list.filter(b => b.token !== '' && !b.account)
  write(device, KEY, list)
}

export function forget(id: string): void {
  list = list.filter(b => b.id !== id)
  write(device, KEY, list)
}
