import {expect, test} from 'vitest'
import {DAY, HOUR, QUARTER} from '@shared/time/zone.ts'
import {addDays, come, fit, instantOf, leave, refit, shift, wallOf} from './wall.ts'

const berlin = 'Europe/Berlin'
const eight = Date.UTC(2026, 5, 13, 6, 0)

test('an instant and its fields are the same time', () => {
  expect(wallOf(eight, berlin)).toEqual({date: '2026-06-13', time: '08:00'})
  for (const zone of [berlin, 'America/New_York', 'Asia/Kolkata', 'Pacific/Auckland', 'UTC']) {
    for (let t = Date.UTC(2026, 0, 1); t < Date.UTC(2027, 0, 1); t += 7 * DAY + 5 * HOUR) expect(instantOf(wallOf(t, zone), zone)).toBe(t)
  }
})

test('the hour that comes twice is the first; the hour that does not come is later', () => {
  expect(instantOf({date: '2026-10-25', time: '02:30'}, berlin)).toBe(Date.UTC(2026, 9, 25, 0, 30))
  expect(wallOf(instantOf({date: '2026-03-29', time: '02:30'}, berlin) ?? 0, berlin)).toEqual({date: '2026-03-29', time: '03:30'})
})

test('empty fields are no time', () => {
  expect(instantOf({date: '', time: '08:00'}, berlin)).toBeNull()
  expect(instantOf({date: '2026-06-13', time: ''}, berlin)).toBeNull()
  expect(instantOf({date: '0202-06-13', time: '08:00'}, berlin)).toBeNull() // a year that is half typed
})

test('another begin keeps the length; another end lies after the begin', () => {
  const w = {from: eight, to: eight + 3 * HOUR}
  expect(come(w, eight + DAY, berlin, eight)).toEqual({from: eight + DAY, to: eight + DAY + 3 * HOUR})
  expect(come(w, eight - DAY, berlin, eight)).toEqual(w)
  expect(leave(w, eight - HOUR, berlin)).toEqual({from: eight, to: eight + QUARTER})
  expect(leave(w, eight + 9 * DAY, berlin, DAY)).toEqual({from: eight, to: eight + DAY})
})

test('a day later is the same time of day, also when the clocks change', () => {
  const before = Date.UTC(2026, 9, 24, 6, 0) // 08:00, summer
  expect(addDays(before, 1, berlin) - before).toBe(25 * HOUR)
  expect(addDays(addDays(before, 1, berlin), -1, berlin)).toBe(before)
})

test('the kerb shows hours around a short stay and whole days around a long one', () => {
  const day = {from: eight, to: eight + 9 * HOUR}
  const f = fit(day, eight - HOUR, berlin)
  expect(f.begin).toBe(eight - 2 * HOUR)
  expect(f.end - f.begin).toBe(15 * HOUR)
  const days = {from: eight, to: eight + 3 * DAY}
  const long = fit(days, eight, berlin)
  expect(wallOf(long.begin, berlin).time).toBe('00:00')
  expect(wallOf(long.end, berlin).time).toBe('00:00')
  expect(long.end).toBeGreaterThan(days.to + 12 * HOUR)
})

test('the kerb stays as it is while the window lies well in it', () => {
  const w = {from: eight, to: eight + 2 * HOUR}
  const f = fit(w, eight, berlin)
  expect(refit(f, {from: eight + HOUR, to: eight + 8 * HOUR}, eight, berlin)).toBe(f)
  expect(refit(f, {from: eight, to: f.end}, eight, berlin)).not.toBe(f)
  expect(refit(f, {from: eight + 2 * DAY, to: eight + 2 * DAY + HOUR}, eight, berlin).begin).toBeGreaterThan(eight + DAY)
})

test('a window of several days that becomes short again gets a kerb of hours', () => {
  const long = fit({from: eight, to: eight + 4 * DAY}, eight, berlin)
  const short = refit(long, {from: eight, to: eight + 2 * HOUR}, eight, berlin)
  expect(short.end - short.begin).toBe(14 * HOUR)
})

test('a window moved by a day keeps its times of day when summer ends', () => {
  const zone = 'Europe/Berlin', at = (s: string) => Date.parse(s)
  const moved = shift({from: at('2026-10-24T08:00+02:00'), to: at('2026-10-24T17:00+02:00')}, 1, zone)
  expect(moved).toEqual({from: at('2026-10-25T08:00+01:00'), to: at('2026-10-25T17:00+01:00')})
  expect(shift(moved, -1, zone)).toEqual({from: at('2026-10-24T08:00+02:00'), to: at('2026-10-24T17:00+02:00')})
})
