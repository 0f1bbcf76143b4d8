// Times as short as they are still clear.
import {clock, day, span, type Reading} from '@shared/format/format.ts'
import {DAY} from '@shared/time/zone.ts'

const weekday = (t: number, zone: string, r: Reading): string => day(t, zone, r).split(' ')[0] ?? ''

/** "17:00" on the day of `near`, "Sat 17:00" within six days of it, else "Sat 13 June, 17:00". */
export function at(t: number, near: number, zone: string, r: Reading): string {
  if (day(t, zone, r) === day(near, zone, r)) return clock(t, zone, r)
  return Math.abs(t - near) < 6 * DAY ? `${weekday(t, zone, r)} ${clock(t, zone, r)}` : `${day(t, zone, r)}, ${clock(t, zone, r)}`
}

/** "Thu 08:00 – 17:00", as a pass has it; with its date when that is more than six days off. */
export function onPass(from: number, to: number, now: number, zone: string, r: Reading): string {
  if (Math.abs(from - now) >= 6 * DAY || to - from >= 6 * DAY) return span(from, to, zone, r)
  return `${weekday(from, zone, r)} ${clock(from, zone, r)} – ${at(to, from, zone, r)}`
}
