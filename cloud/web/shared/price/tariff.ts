// A tariff's document, as far as pages read it, and the days that its bands name.
import type {Language} from '../format/format.ts'

export interface Rate { rate: number; interval_minutes: number; steps?: Step[] }
export interface Step { after_minutes: number; rate: number; interval_minutes: number }
export interface Band extends Rate { id: string; days?: string[]; from: string; to: string; max?: number }
export interface Event extends Rate { id: string; from: string; to: string; max?: number }
export interface Tariff extends Rate {
  currency: string; charge?: 'started' | 'exact'; bands?: Band[]; events?: Event[]
  free_minutes: number; consideration_minutes?: number; minimum?: number
  daily_max: number; day?: 'calendar' | 'rolling'; maxima?: {hours: number; amount: number}[]
  factors?: Record<string, number>; exit_after_payment_minutes?: number; tax_basis_points: number
}

const all = {en: {every: 'Every day', holiday: 'holidays'}, de: {every: 'Jeden Tag', holiday: 'Feiertage'}}
const names: Record<string, number> = {sun: 0, mon: 1, tue: 2, wed: 3, thu: 4, fri: 5, sat: 6}

/** "Mon – Fri", "Sat, Sun, holidays"; every day when none is named. */
export function days(kinds: readonly string[] | undefined, language: Language): string {
  const w = all[language]
  if (!kinds || kinds.length === 0 || kinds.length === 8) return w.every
  const f = new Intl.DateTimeFormat(language, {weekday: 'short', timeZone: 'UTC'})
  const name = (n: number) => f.format(Date.UTC(2026, 0, 4 + n)).replace('.', '') // the 4th was a Sunday
  const on = [1, 2, 3, 4, 5, 6, 0].filter(n => kinds.some(k => names[k] === n)) // the week begins on Monday
  const runs: number[][] = []
  for (const n of on) {
    const last = runs.at(-1)
    if (last && ((last.at(-1) ?? 0) + 1) % 7 === n) last.push(n)
    else runs.push([n])
  }
  const out = runs.flatMap(r => (r.length > 2 ? [`${name(r[0] ?? 0)} – ${name(r.at(-1) ?? 0)}`] : r.map(name)))
  return [...out, ...(kinds.includes('holiday') ? [w.holiday] : [])].join(', ')
}
