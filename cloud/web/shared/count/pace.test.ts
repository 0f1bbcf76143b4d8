import {expect, it} from 'vitest'
import {step, still} from './pace.ts'

it('shows the first value at once, then changes once a second and speaks every 30 s', () => {
  let {pace, wait} = step(still, 252, '252 free', 0)
  expect([pace.value, pace.spoken, wait]).toEqual([252, '252 free', 0])
  ;({pace, wait} = step(pace, 251, '251 free', 400))
  expect([pace.value, wait]).toEqual([252, 600])
  ;({pace, wait} = step(pace, 250, '250 free', 1000))
  expect([pace.value, pace.spoken, wait]).toEqual([250, '252 free', 29000])
  ;({pace, wait} = step(pace, 250, '250 free', 30000))
  expect([pace.value, pace.spoken, wait]).toEqual([250, '250 free', 0])
})
it('says nothing when a value came back before it was due', () => {
  const {pace} = step(still, 5, 'five', 0)
  expect(step(pace, 5, 'five', 100)).toEqual({pace, wait: 0})
})
