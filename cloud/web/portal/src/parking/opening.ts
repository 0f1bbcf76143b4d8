// Opening hours as a reader has them. Pure.
import type {Schemas} from '@shared/app/api.ts'
import {clock, type Reading} from '@shared/format/format.ts'
import {DAY, offset} from '@shared/time/zone.ts'

type Hours = Schemas['OpeningHours']
type Span = Schemas['OpeningSpan']
const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

/** The days of the week, those that follow one another with the same times together; 0 is Monday. */
export function rows(h: Hours): {first: number; last: number; spans: readonly Span[]}[] {
  const out: {first: number; last: number; spans: readonly Span[]}[] = []
  days.forEach((d, i) => {
    const before = out.at(-1)
    if (before && JSON.stringify(before.spans) === JSON.stringify(h.week[d])) before.last = i
    else out.push({first: i, last: i, spans: h.week[d]})
  })
  return out
}

/** The days that are otherwise, from today on, the next ones. */
export function coming(h: Hours, now: number, zone: string): Hours['exceptions'] {
  const today = new Date(now + offset(now, zone)).toISOString().slice(0, 10)
  return h.exceptions.filter(e => e.date >= today).sort((a, b) => a.date.localeCompare(b.date)).slice(0, 8)
}

/** "06:00 – 22:00"; the midnight at the end of a day is 24:00 where clocks are read so. */
export function timesOf(spans: readonly Span[], r: Reading, closed: string, whole: string): string {
  if (spans.length === 0) return closed
  if (spans.length === 1 && spans[0]?.from === '00:00' && spans[0].to === '24:00') return whole
  const time = (t: string) => (t === '24:00' && !r.hour12 ? t : clock(DAY + (Number(t.slice(0, 2)) * 60 + Number(t.slice(3))) * 60_000, 'UTC', r))
  return spans.map(s => `${time(s.from)} – ${time(s.to)}`).join(', ')
}
