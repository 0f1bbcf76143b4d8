import {expect, test} from 'vitest'
import {renewIn} from './renew.ts'

test('a price is asked anew when it runs out, and no more than once a minute whatever the clocks say', () => {
  expect(renewIn(600_000, 0)).toBe(600_000)
  expect(renewIn(600_000, 0, 30_000)).toBe(570_000)
  expect(renewIn(-3_600_000, 0)).toBe(60_000) // just asked, and past by a clock that is an hour fast
  expect(renewIn(-3_600_000, 45_000, 30_000)).toBe(15_000)
  expect(renewIn(-1, 3_600_000)).toBe(0) // somebody comes back to it
})
