// One list of the bookings of this device and of the account.
import type {Kept, Reservation} from '../bookings.svelte.ts'

export interface Entry { id: string; reservation?: Reservation; parking?: Kept['parking']; /** Where it is known. */ device: boolean; account: boolean; token: string }

const soon: Record<string, number> = {active: 0, held: 1, confirmed: 2}

/** What is going on first, then what is to come (the next first), then what was (the last first). */
export function order(a: Entry, b: Entry): number {
  const [x, y] = [soon[a.reservation?.state ?? ''] ?? 9, soon[b.reservation?.state ?? ''] ?? 9]
  if (x !== y) return x - y
  const [s, t] = [a, b].map(e => Date.parse(e.reservation?.from ?? '') || 0) as [number, number]
  return x === 9 ? t - s : s - t
}

/** Merges both; of two versions of a booking the newer counts. */
export function merge(device: readonly Kept[], account: readonly Reservation[]): Entry[] {
  const all = new Map<string, Entry>()
  for (const b of device) all.set(b.id, {id: b.id, reservation: b.reservation, parking: b.parking, device: true, account: b.account !== undefined, token: b.token})
  for (const r of account) {
    const known = all.get(r.id)
    const newest = known?.reservation && known.reservation.version > r.version ? known.reservation : r
    all.set(r.id, {id: r.id, token: '', device: false, ...known, reservation: newest, account: true})
  }
  return [...all.values()].sort(order)
}
