import {expect, test} from 'vitest'
import {DAY, HOUR, QUARTER} from '@shared/time/zone.ts'
import {fresh, sellable} from './window.ts'

const noon = Date.UTC(2026, 5, 13, 12, 0)

test('a fresh window begins with the next quarter', () => {
  expect(fresh(noon)).toEqual({from: noon, to: noon + 2 * HOUR})
  expect(fresh(noon + 1)).toEqual({from: noon + QUARTER, to: noon + QUARTER + 2 * HOUR})
})

test('a window that can be sold stays', () => {
  const w = {from: noon, to: noon + HOUR}
  expect(sellable(w, noon + QUARTER - 1)).toBe(w) // the quarter has not ended
})

test('a past window moves and keeps its length', () => {
  expect(sellable({from: noon, to: noon + 9 * HOUR}, noon + QUARTER + 1)).toEqual({from: noon + 2 * QUARTER, to: noon + 2 * QUARTER + 9 * HOUR})
  expect(sellable({from: noon, to: noon + 90 * DAY}, noon + DAY).to).toBe(noon + DAY + 30 * DAY)
})

test('what is no window becomes one', () => {
  expect(sellable({from: noon, to: noon}, noon)).toEqual(fresh(noon))
  expect(sellable({from: NaN, to: NaN}, noon)).toEqual(fresh(noon))
})
