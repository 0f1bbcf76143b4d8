import {describe, expect, it} from 'vitest'
import {spanOf} from './rules.ts'

const incident = {id: 'inc_1', parking_id: 'x', class: 'X2', detail: '', at: '2026-06-13T07:36:00Z'} as never
describe('two clocks', () => {
  it('fit into one frame of whole quarters', () => {
    const c = spanOf({incident, session: {id: 's', entered_at: '2026-06-13T06:12:40Z', left_at: '2026-06-13T10:05:19Z'}, reservation: {id: 'r', state: 'active', from: '2026-06-13T06:00:00Z', to: '2026-06-13T15:00:00Z'}})
    expect(c && [c.frame.begin % 900_000, c.frame.end % 900_000]).toEqual([0, 0])
    expect(c?.frame.begin).toBeLessThan(Date.parse('2026-06-13T06:00:00Z'))
    expect(c?.frame.end).toBeGreaterThan(Date.parse('2026-06-13T15:00:00Z'))
  })
  it('go on to the incident when the car is still inside', () => {
    const c = spanOf({incident, session: {id: 's', entered_at: '2026-06-13T06:12:40Z', left_at: null}})
    expect(c?.session?.to).toBeNull()
    expect(c?.frame.end).toBeGreaterThan(Date.parse('2026-06-13T07:36:00Z'))
  })
  it('are not shown when neither is known', () => {
    expect(spanOf({incident})).toBeNull()
  })
})
