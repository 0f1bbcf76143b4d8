import {describe, expect, it} from 'vitest'
import {axis, dayAt, daysBetween, grid, heat, isDay, perMark, plus, spanOf, summary, type Day, type Hour, untold} from './rules.ts'

const hour = (day: string, h: number, more: Partial<Hour> = {}): Hour => ({
  at: `${day}T00:00:00Z`, day, hour: h, repeated: false, occupancy_percent: 50, occupied: 5, capacity: 10, arrivals: 1, departures: 1, refused: 0, late: false, ...more,
})
const day = (d: string, hours: 23 | 24 | 25): Day => ({day: d, hours} as Day)
const full = (d: string, skip: number[] = []) => Array.from({length: 24}, (_, h) => h).filter(h => !skip.includes(h)).map(h => hour(d, h))

describe('the heat map', () => {
  it('has a second 02 where clocks go back, and it is nobody else’s', () => {
    const hours = [...full('2026-10-24'), ...full('2026-10-25').flatMap(h => (h.hour === 2 ? [h, hour('2026-10-25', 2, {repeated: true, occupancy_percent: 77})] : [h]))]
    const {columns, rows} = grid(hours, [day('2026-10-24', 24), day('2026-10-25', 25)])
    expect(columns.map(c => `${c.hour}${c.second ? 'B' : ''}`).slice(0, 5)).toEqual(['0', '1', '2', '2B', '3'])
    expect(columns).toHaveLength(25)
    expect(rows[0]?.cells[3]?.kind).toBe('none')
    const second = rows[1]?.cells[3]
    expect(second?.kind === 'hour' && second.hour.occupancy_percent).toBe(77)
  })
  it('has no 02 where clocks go forward', () => {
    const {columns, rows} = grid(full('2026-03-29', [2]), [day('2026-03-29', 23)])
    expect(columns).toHaveLength(24)
    expect(rows[0]?.cells.map(c => c.kind).slice(1, 4)).toEqual(['hour', 'none', 'hour'])
  })
  it('tells what is not yet from what is not known', () => {
    const {rows} = grid([hour('2026-06-01', 0, {occupancy_percent: null}), hour('2026-06-01', 1)], [day('2026-06-01', 24)])
    expect(rows[0]?.cells.slice(0, 3).map(c => c.kind)).toEqual(['hour', 'hour', 'later'])
  })
  it('has seven steps, the last from 97', () => {
    expect([0, 19.9, 20, 64, 65, 96.9, 97, 100, 130].map(heat)).toEqual([0, 0, 1, 3, 4, 5, 6, 6, 6])
  })
})

describe('days', () => {
  it('are reckoned without a zone', () => {
    expect(plus('2026-03-29', 1)).toBe('2026-03-30')
    expect(plus('2026-03-01', -1)).toBe('2026-02-28')
    expect(daysBetween('2026-10-19', '2026-10-25')).toBe(7)
    expect(dayAt(Date.parse('2026-03-28T23:30:00Z'), 'Europe/Berlin')).toBe('2026-03-29')
    expect(['2026-02-29', '2026-13-01', 'x', '2026-2-1'].map(isDay)).toEqual([false, false, false, false])
  })
  it('of an address count when they are a span', () => {
    expect(spanOf('2026-06-01', '2026-06-07', '2026-11-27')).toEqual({from: '2026-06-01', to: '2026-06-07'})
    for (const [a, b] of [['', ''], ['2026-06-07', '2026-06-01'], ['2026-01-01', '2026-12-31']] as const) expect(spanOf(a, b, '2026-11-27')).toEqual({from: '2026-11-20', to: '2026-11-26'})
  })
})

describe('scales', () => {
  it('begin at zero and have at most five lines', () => {
    for (const most of [1, 3, 7, 99, 623_000, 4_120]) {
      const a = axis(most)
      expect(a[0]).toBe(0)
      expect(a.at(-1)).toBeGreaterThanOrEqual(most)
      expect(a.length).toBeLessThanOrEqual(6)
    }
    expect(axis(0)).toEqual([0])
    expect(perMark(61)).toBe(2)
    expect(perMark(60)).toBe(1)
  })
  it('leave what is not known out of the mean', () => {
    const s = summary([hour('2026-06-01', 0, {occupancy_percent: null}), hour('2026-06-01', 1, {occupancy_percent: 40}), hour('2026-06-01', 2, {occupancy_percent: 60})])
    expect(s?.percent).toBe(50)
    expect(s?.most.hour).toBe(2)
    expect(summary([hour('2026-06-01', 0, {occupancy_percent: null})])).toBeNull()
  })
})

describe('a day', () => {
  it('that no edge has told of is not one on which nothing happened', () => {
    const d = (hours: 23 | 24 | 25, unknown_hours: number) => ({hours, unknown_hours}) as Day
    expect([untold(d(24, 24)), untold(d(23, 23)), untold(d(25, 24)), untold(d(24, 0))]).toEqual([true, true, false, false])
  })
})
