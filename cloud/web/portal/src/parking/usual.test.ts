import {expect, test} from 'vitest'
import type {Schemas} from '@shared/app/api.ts'
import {bars, fullest, spaces} from './usual.ts'

const names = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
/** Of each hour its number, of Sunday twice that; of 05:00 nothing. */
const usual: Schemas['Usual'] = {timezone: 'Europe/Berlin', weeks: 8, days: names.map((weekday, d) => ({weekday, hours: Array.from({length: 24}, (_, h) => (h === 5 ? null : d === 6 ? h * 2 : h))}))}
const at = (t: string) => Date.parse(t)

test('bars go by the clock of the parking, and leave out what is not known', () => {
  const got = bars(usual, {begin: at('2026-06-08T04:15:00+02:00'), end: at('2026-06-08T08:00:00+02:00')}, 'Europe/Berlin')
  expect(got.map(b => [b.level, (b.to - b.from) / 60_000])).toEqual([[4, 45], [6, 60], [7, 60]])
  expect(bars(null, {begin: 0, end: 1}, 'Europe/Berlin')).toEqual([])
  expect(bars(usual, {begin: 0, end: 9 * 86_400_000}, 'Europe/Berlin')).toEqual([])
})

test('a day of 23 hours has 22 known ones, and one of 25 has 24: the hour that comes twice is drawn twice', () => {
  const day = (from: string, to: string) => bars(usual, {begin: at(from), end: at(to)}, 'Europe/Berlin').map(b => b.level / 2)
  expect(day('2026-03-29T00:00:00+01:00', '2026-03-30T00:00:00+02:00')).toEqual([0, 1, 3, 4, ...Array.from({length: 18}, (_, i) => i + 6)])
  expect(day('2026-10-25T00:00:00+02:00', '2026-10-26T00:00:00+01:00')).toEqual([0, 1, 2, 2, 3, 4, ...Array.from({length: 18}, (_, i) => i + 6)])
})

test('where clocks are off by half an hour, hours begin at the half', () => {
  const got = bars(usual, {begin: at('2026-06-08T10:00:00Z'), end: at('2026-06-08T11:00:00Z')}, 'Asia/Kolkata') // 15:30 to 16:30 there
  expect(got.map(b => b.level)).toEqual([15, 16])
})

test('the fullest hour of a stay, and about how many spaces that is', () => {
  const all = bars(usual, {begin: at('2026-06-08T06:00:00+02:00'), end: at('2026-06-08T20:00:00+02:00')}, 'Europe/Berlin')
  expect(fullest(all, {from: at('2026-06-08T08:30:00+02:00'), to: at('2026-06-08T11:00:00+02:00')})?.level).toBe(10)
  expect(fullest(all, {from: at('2026-06-09T08:30:00+02:00'), to: at('2026-06-09T11:00:00+02:00')})).toBeNull()
  expect(spaces(74, 585)).toBe(435)
  expect(spaces(50, 7)).toBe(4)
})
