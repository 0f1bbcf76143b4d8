import {expect, it} from 'vitest'
import {bays, level} from './level.ts'

it.each([
  [133, 585, 'plenty', 3], [585, 585, 'plenty', 0], [300, 585, 'plenty', 2],
  [70, 585, 'few', 4], [71, 585, 'plenty', 3], [9, 20, 'few', 4], [10, 20, 'plenty', 2],
  [0, 585, 'full', 5],
  [null, 585, 'unknown', 0], [5, null, 'unknown', 0], [12351, 585, 'unknown', 0], [-1, 585, 'unknown', 0], [1.5, 585, 'unknown', 0], [0, 0, 'unknown', 0],
] as const)('%s of %s is %s with %i bays taken', (free, capacity, name, taken) => {
  expect(level(free, capacity)).toBe(name)
  expect(bays(free, capacity)).toBe(taken)
})
