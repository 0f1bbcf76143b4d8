// What the trends show. Pure; days are texts as 2026-03-29, without a zone.
import type {Schemas} from '@shared/app/api.ts'

export type Hour = Schemas['TrendHour']
export type Day = Schemas['TrendDay']
export const MOST_DAYS = 92
const DAY = 86_400_000

const stamp = (day: string): number => Date.parse(`${day}T00:00:00Z`)
export const isDay = (text: string): boolean => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(stamp(text)) && new Date(stamp(text)).toISOString().startsWith(text)
export const plus = (day: string, n: number): string => new Date(stamp(day) + n * DAY).toISOString().slice(0, 10)
export const daysBetween = (from: string, to: string): number => Math.round((stamp(to) - stamp(from)) / DAY) + 1

/** The day of a zone's clock at an instant. */
export const dayAt = (t: number, zone: string): string => new Intl.DateTimeFormat('en-CA', {timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit'}).format(t)

/** The span of an address, or the seven whole days before today. */
export function spanOf(from: string, to: string, today: string): {from: string; to: string} {
  if (isDay(from) && isDay(to) && daysBetween(from, to) >= 1 && daysBetween(from, to) <= MOST_DAYS) return {from, to}
  return {from: plus(today, -7), to: plus(today, -1)}
}

/** A column of the heat map: an hour of the clock; `second` is the one that comes twice when clocks go back. */
export interface Column { hour: number; second: boolean }
export type Cell = {kind: 'hour'; hour: Hour} | {kind: 'none'} | {kind: 'later'}
export interface Row { day: string; cells: Cell[] }

/** The hours as a table of days by hours of the clock. An hour that a day does not have is none; one that has not begun is later. */
export function grid(hours: readonly Hour[], days: readonly Day[]): {columns: Column[]; rows: Row[]} {
  const twice = new Set(hours.filter(h => h.repeated).map(h => h.hour))
  const columns = Array.from({length: 24}, (_, hour) => hour).flatMap(hour => [{hour, second: false}, ...(twice.has(hour) ? [{hour, second: true}] : [])])
  const at = new Map(hours.map(h => [`${h.day} ${h.hour} ${h.repeated}`, h]))
  const rows = days.map(d => {
    const known = hours.filter(h => h.day === d.day)
    return {
      day: d.day,
      cells: columns.map<Cell>(c => {
        const hour = at.get(`${d.day} ${c.hour} ${c.second}`)
        if (hour) return {kind: 'hour', hour}
        // All hours of a day that is over are there, but for those that its clock skips or does not repeat.
        return {kind: c.second || known.length >= d.hours || d.hours === 23 && known.some(h => h.hour > c.hour) ? 'none' : 'later'}
      }),
    }
  })
  return {columns, rows}
}

/** Whether nothing is known of a day: no edge has told of any of its hours. */
export const untold = (d: Day): boolean => d.unknown_hours >= d.hours

/** The step of the scale: one hue, seven steps; the last has a bar, too. */
export function heat(percent: number): number {
  const from = [20, 35, 50, 65, 80, 97]
  const i = from.findIndex(x => percent < x)
  return i < 0 ? 6 : i
}

/** At most four lines of a round distance, from zero to at least the most. */
export function axis(most: number): number[] {
  if (most <= 0) return [0]
  const rough = most / 4, power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 2.5, 5, 10].map(x => x * power).find(x => x >= rough) ?? 10 * power
  const out: number[] = []
  for (let i = 0; (i - 1) * step < most; i++) out.push(i * step)
  return out
}

/** How many reservations one mark stands for, so that a row fits. */
export const perMark = (most: number, fits = 60): number => [1, 2, 5, 10, 20, 50, 100, 200, 500].find(n => most / n <= fits) ?? 1000

/** The mean of what is known, and the fullest hour; null: nothing is. */
export function summary(hours: readonly Hour[]): {percent: number; most: Hour} | null {
  const known = hours.filter(h => h.occupancy_percent !== null)
  const most = known.reduce<Hour | null>((m, h) => (m === null || (h.occupancy_percent ?? 0) > (m.occupancy_percent ?? 0) ? h : m), null)
  return most && {percent: known.reduce((s, h) => s + (h.occupancy_percent ?? 0), 0) / known.length, most}
}
