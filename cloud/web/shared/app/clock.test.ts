// @vitest-environment happy-dom
// A device whose clock is wrong: what is compared with the server's times is compared with the server's clock.
import {afterEach, beforeEach, expect, test, vi} from 'vitest'
import {aheadBy, heard, minutes, seconds, serverNow} from './clock.svelte.ts'

const server = Date.parse('2026-11-28T10:00:00Z'), date = 'Sat, 28 Nov 2026 10:00:00 GMT', HOUR = 3_600_000

beforeEach(() => { vi.useFakeTimers({now: server}) })
afterEach(() => { vi.useRealTimers() })

test('a clock that is wrong is known from one answer, and the same clock is left alone', () => {
  expect(aheadBy(0, date, server + HOUR - 200, server + HOUR)).toBe(500 - HOUR) // an hour fast
  expect(aheadBy(0, date, server - HOUR, server - HOUR)).toBe(HOUR + 500) // an hour slow
  for (const off of [-2_000, 0, 900, 3_000]) expect(aheadBy(0, date, server + off, server + off), String(off)).toBe(0)
  expect(aheadBy(500 - HOUR, date, server + HOUR + 900, server + HOUR + 900)).toBe(500 - HOUR) // the next answer changes nothing
  expect(aheadBy(500 - HOUR, date, server, server)).toBe(0) // it was put right
})
test('an answer without a time, or that was long on the way, says nothing', () => {
  expect(aheadBy(7, null, server, server)).toBe(7)
  expect(aheadBy(7, 'soon', server, server)).toBe(7)
  expect(aheadBy(7, date, server, server + HOUR)).toBe(7) // the device slept meanwhile
  expect(aheadBy(7, date, server + HOUR, server)).toBe(7) // it was put right meanwhile
})
test('what is shown goes by it', () => {
  vi.setSystemTime(server + HOUR)
  heard(date, Date.now())
  for (const now of [serverNow(), minutes.now, seconds.now]) expect(Math.abs(now - server)).toBeLessThan(1_000)
  vi.setSystemTime(server)
  heard(date, Date.now())
  expect(serverNow()).toBe(server)
})
