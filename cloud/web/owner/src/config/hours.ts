// Opening hours as somebody edits them. Pure. A day ends at 24:00, which a field for times shows as 00:00.
import type {Schemas} from '@shared/app/api.ts'

export type Hours = Schemas['OpeningHours']
export type Span = Schemas['OpeningSpan']
export const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
export type Weekday = (typeof days)[number]

/** What one begins with who leaves round the clock. */
export function fresh(): Hours {
  const day = (): Span[] => [{from: '06:00', to: '22:00'}]
  return {week: {mon: day(), tue: day(), wed: day(), thu: day(), fri: day(), sat: day(), sun: day()}, exceptions: []}
}

const minutes = (t: string): number => Number(t.slice(0, 2)) * 60 + Number(t.slice(3))
/** The end as the API has it. */
export const end = (t: string): string => (t === '00:00' ? '24:00' : t)
export const endShown = (t: string): string => (t === '24:00' ? '00:00' : t)

export type Wrong = 'missing' | 'quarter' | 'order' | 'night' | 'many' | ''

/** What cannot be with the times of a day; the first thing. */
export function wrongDay(spans: readonly Span[]): Wrong {
  if (spans.length > 4) return 'many'
  for (const [i, s] of spans.entries()) {
    if (!/^\d\d:\d\d$/.test(s.from) || !/^\d\d:\d\d$/.test(s.to)) return 'missing'
    if (minutes(s.from) % 15 || minutes(s.to) % 15) return 'quarter'
    if (minutes(s.to) <= minutes(s.from)) return 'night'
    const before = spans[i - 1]
    if (before && minutes(s.from) < minutes(before.to)) return 'order'
  }
  return ''
}

/** What cannot be, by its place as the server names it. */
export function wrongs(h: Hours): Record<string, Wrong | 'twice' | 'date'> {
  const out: Record<string, Wrong | 'twice' | 'date'> = {}
  for (const d of days) { const x = wrongDay(h.week[d]); if (x) out[`week.${d}`] = x }
  h.exceptions.forEach((e, i) => {
    const x = !/^\d{4}-\d\d-\d\d$/.test(e.date) ? 'date' : h.exceptions.findIndex(o => o.date === e.date) < i ? 'twice' : wrongDay(e.hours)
    if (x) out[`exceptions[${i}]`] = x
  })
  return out
}

/** One more stretch, after the others: the next that fits. */
export function added(spans: readonly Span[]): Span[] {
  const last = spans.at(-1)
  if (!last) return [{from: '06:00', to: '22:00'}]
  const from = Math.min(minutes(last.to) + 60, 23 * 60), text = (n: number) => `${String(Math.floor(n / 60)).padStart(2, '0')}:${String(n % 60).padStart(2, '0')}`
  return [...spans, {from: text(from), to: text(Math.min(from + 240, 24 * 60))}]
}

/** The hours in a line: days that are the same together. */
export function hoursText(h: Hours, name: (day: number) => string, closed: string): string {
  const times = (s: readonly Span[]) => s.map(x => `${x.from}–${x.to}`).join(', ') || closed
  const week: {first: number; last: number; times: string}[] = []
  days.forEach((d, i) => {
    const t = times(h.week[d]), before = week.at(-1)
    if (before?.times === t) before.last = i
    else week.push({first: i, last: i, times: t})
  })
  return [...week.map(x => `${x.first === x.last ? name(x.first) : `${name(x.first)}–${name(x.last)}`} ${x.times}`), ...h.exceptions.map(e => `${e.date} ${times(e.hours)}${e.note ? ` (${e.note})` : ''}`)].join('; ')
}
