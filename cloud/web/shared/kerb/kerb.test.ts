import {describe, expect, it} from 'vitest'
import {HOUR, QUARTER, isTwice, nextDay, quarter, startOfDay} from '../time/zone.ts'
import {instant, key, marks, move, place, ticks, type Limits} from './kerb.ts'

const zone = 'Europe/Berlin'
const at = (s: string) => Date.parse(s)
const limits: Limits = {zone, least: at('2026-05-01T06:00+02:00'), most: at('2026-05-01T20:00+02:00')}
const w = {from: at('2026-05-01T08:00+02:00'), to: at('2026-05-01T17:00+02:00')}

describe('a grip', () => {
  it('snaps to the nearest quarter', () => {
    expect(move(w, 'from', at('2026-05-01T09:07+02:00'), limits).from).toBe(at('2026-05-01T09:00+02:00'))
    expect(move(w, 'from', at('2026-05-01T09:08+02:00'), limits).from).toBe(at('2026-05-01T09:15+02:00'))
  })
  it('pushes the other and never crosses it', () => {
    expect(move(w, 'from', at('2026-05-01T18:00+02:00'), limits)).toEqual({from: at('2026-05-01T18:00+02:00'), to: at('2026-05-01T18:15+02:00')})
    expect(move(w, 'to', at('2026-05-01T07:00+02:00'), limits)).toEqual({from: at('2026-05-01T06:45+02:00'), to: at('2026-05-01T07:00+02:00')})
  })
  it('stays in the limits', () => {
    expect(move(w, 'from', at('2026-05-01T01:00+02:00'), limits).from).toBe(limits.least)
    expect(move(w, 'from', at('2026-05-02T01:00+02:00'), limits)).toEqual({from: limits.most - QUARTER, to: limits.most})
    expect(move(w, 'to', at('2026-05-01T01:00+02:00'), limits)).toEqual({from: limits.least, to: limits.least + QUARTER})
    expect(move(w, 'to', at('2026-05-01T19:00+02:00'), {...limits, maxStay: 2 * HOUR}).from).toBe(at('2026-05-01T17:00+02:00'))
  })
  it('moves a quarter by arrows, an hour by Page, to the ends by Home and End', () => {
    expect(key(w, 'from', 'ArrowRight', limits)?.from).toBe(w.from + QUARTER)
    expect(key(w, 'to', 'ArrowDown', limits)?.to).toBe(w.to - QUARTER)
    expect(key(w, 'to', 'PageUp', limits)?.to).toBe(w.to + HOUR)
    expect(key(w, 'from', 'PageDown', limits)?.from).toBe(w.from - HOUR)
    expect(key(w, 'from', 'Home', limits)?.from).toBe(limits.least)
    expect(key(w, 'to', 'End', limits)?.to).toBe(limits.most)
    expect(key(w, 'to', 'a', limits)).toBeNull()
  })
})

describe('the day on which summer ends', () => {
  const begin = startOfDay(at('2026-10-25T12:00+01:00'), zone)
  const frame = {begin, end: nextDay(begin, zone)}
  it('has 25 hours and a hundred quarters', () => {
    expect(frame.end - frame.begin).toBe(25 * HOUR)
    expect(ticks(frame)).toBe(100)
  })
  it('can be walked through by the arrow, quarter by quarter', () => {
    const l = {zone, least: frame.begin, most: frame.end}
    let v = {from: frame.begin, to: frame.end}
    let n = 0
    for (; v.from < frame.end - QUARTER; n++) v = key(v, 'from', 'ArrowRight', l) ?? v
    expect(n).toBe(99)
  })
  it('names the hour that comes twice A and B', () => {
    const two = marks({begin, end: begin + 8 * HOUR}, zone).map(m => m.text)
    expect(two).toEqual(['00', '01', '02A', '02B', '03', '04', '05', '06', '07'])
    expect(isTwice(at('2026-10-25T02:30+02:00'), zone)).toBe(true)
    expect(isTwice(at('2026-10-25T03:00+01:00'), zone)).toBe(false)
  })
  it('in spring has 23 hours and no 02', () => {
    const d = startOfDay(at('2026-03-29T12:00+02:00'), zone)
    expect(nextDay(d, zone) - d).toBe(23 * HOUR)
    expect(marks({begin: d, end: d + 6 * HOUR}, zone).map(m => m.text)).toEqual(['00', '01', '03', '04', '05', '06', '07'])
  })
})

it('a zone that is 45 minutes off has its own full hours', () => {
  const t = at('2026-05-01T08:00+05:45')
  expect(quarter(t + 6 * 60_000, 'Asia/Kathmandu')).toBe(t)
  expect(marks({begin: t, end: t + 2 * HOUR}, 'Asia/Kathmandu').map(m => m.text)).toEqual(['08', '09', '10'])
})

it('places and finds instants', () => {
  const f = {begin: w.from, end: w.to}
  expect(place(w.from + 4.5 * HOUR, f)).toBe(50)
  expect(instant(0.5, f)).toBe(w.from + 4.5 * HOUR)
})

it('says over several days which day begins', () => {
  const begin = Date.UTC(2026, 5, 12, 22) // midnight in Berlin
  expect(marks({begin, end: begin + 48 * HOUR}, 'Europe/Berlin').map(m => m.text)).toEqual(['13/06', '06', '12', '18', '14/06', '06', '12', '18', '15/06'])
  expect(marks({begin, end: begin + 48 * HOUR}, 'Europe/Berlin', false, 'de').map(m => m.text)).toEqual(['13.06.', '06', '12', '18', '14.06.', '06', '12', '18', '15.06.'])
})
