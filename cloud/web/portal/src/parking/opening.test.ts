import {describe, expect, it} from 'vitest'
import {coming, rows, timesOf} from './opening.ts'

const day = [{from: '06:00', to: '22:00'}]
const h = {week: {mon: day, tue: day, wed: day, thu: day, fri: [{from: '06:00', to: '24:00'}], sat: [], sun: []}, exceptions: [{date: '2026-12-31', hours: []}, {date: '2026-12-24', hours: [{from: '08:00', to: '12:00'}], note: 'Christmas Eve'}, {date: '2026-12-23', hours: []}]}
const r = {language: 'en' as const, hour12: false}

describe('opening hours', () => {
  it('put days together that are the same', () => {
    expect(rows(h).map(x => [x.first, x.last])).toEqual([[0, 3], [4, 4], [5, 6]])
  })
  it('say the days to come that are otherwise, by the clock of the parking', () => {
    // It is the 24th in Berlin already.
    expect(coming(h, Date.parse('2026-12-23T23:30:00Z'), 'Europe/Berlin').map(e => e.date)).toEqual(['2026-12-24', '2026-12-31'])
  })
  it('are read as clocks are', () => {
    expect(timesOf(day, r, 'closed', 'all day')).toBe('06:00 – 22:00')
    expect(timesOf([{from: '06:00', to: '24:00'}], r, 'closed', 'all day')).toBe('06:00 – 24:00')
    expect(timesOf([], r, 'closed', 'all day')).toBe('closed')
    expect(timesOf([{from: '00:00', to: '24:00'}], r, 'closed', 'all day')).toBe('all day')
  })
})
