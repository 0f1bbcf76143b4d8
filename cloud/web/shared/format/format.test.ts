import {expect, it} from 'vitest'
import {clock, day, length, money, number, span, waiting} from './format.ts'

const eur = (minor: number) => ({minor, currency: 'EUR'})
const zone = 'Europe/Berlin'
const at = (s: string) => Date.parse(s)
const en = {language: 'en'} as const
const de = {language: 'de'} as const

it('writes money with a real minus sign', () => {
  expect(money(eur(510), 'en')).toBe('€5.10')
  expect(money(eur(510), 'de')).toBe('5,10\u00a0€')
  expect(money(eur(-450), 'en')).toBe('−€4.50')
  expect(money(eur(-5), 'de')).toBe('−0,05\u00a0€')
  expect(money(eur(0), 'en')).toBe('€0.00')
  expect(money({minor: 500, currency: 'JPY'}, 'de')).toBe('500\u00a0¥')
  expect(money(eur(Number.MAX_SAFE_INTEGER), 'en')).toBe('€90,071,992,547,409.91')
})
it('shows the clock of the parking in 24 and 12 hours', () => {
  const t = at('2026-06-11T15:05:00Z')
  expect(clock(t, zone, en)).toBe('17:05')
  expect(clock(t, zone, {...en, hour12: true})).toMatch(/^5:05\s?pm$/)
  expect(clock(t, 'America/New_York', de)).toBe('11:05')
  expect(clock(at('2026-06-10T22:00:00Z'), zone, en)).toBe('00:00')
})
it('names the zone in the hour that comes twice, and only then', () => {
  expect(clock(at('2026-10-25T00:30:00Z'), zone, de)).toMatch(/^02:30 MESZ$/)
  expect(clock(at('2026-10-25T01:30:00Z'), zone, de)).toMatch(/^02:30 MEZ$/)
  expect(clock(at('2026-10-25T02:30:00Z'), zone, de)).toBe('03:30')
})
it('writes days and spans', () => {
  expect(day(at('2026-06-11T08:00+02:00'), zone, en)).toBe('Thu 11 June')
  expect(day(at('2026-06-11T08:00+02:00'), zone, de)).toBe('Do 11. Juni')
  expect(span(at('2026-06-11T08:00+02:00'), at('2026-06-11T17:00+02:00'), zone, en)).toBe('Thu 11 June, 08:00 – 17:00')
  expect(span(at('2026-06-11T20:00+02:00'), at('2026-06-12T00:00+02:00'), zone, en)).toBe('Thu 11 June, 20:00 – 00:00')
  expect(span(at('2026-06-11T20:00+02:00'), at('2026-06-12T07:00+02:00'), zone, de)).toBe('Do 11. Juni, 20:00 – Fr 07:00')
})
it('says the year of what is not of this one, and always where it is asked for', () => {
  const now = at('2026-11-28T10:00Z'), next = at('2027-01-04T08:00+01:00')
  expect(day(next, zone, {...en, now})).toBe('Mon 4 January 2027')
  expect(day(next, zone, {...de, now})).toBe('Mo 4. Januar 2027')
  expect(day(now, zone, {...en, now})).toBe('Sat 28 November')
  expect(day(now, zone, {...de, year: true})).toBe('Sa 28. November 2026')
  expect(day(at('2026-12-31T23:30Z'), zone, {...en, now})).toBe('Fri 1 January 2027') // the year of the parking's clock
  expect(span(at('2026-12-31T20:00+01:00'), at('2027-01-01T07:00+01:00'), zone, {...en, now})).toBe('Thu 31 December, 20:00 – Fri 07:00')
  expect(span(at('2026-12-20T20:00+01:00'), at('2027-01-04T07:00+01:00'), zone, {...en, now})).toBe('Sun 20 December, 20:00 – Mon 4 January 2027, 07:00')
  expect(span(next, next + 9 * 3_600_000, zone, {...de, now})).toBe('Mo 4. Januar 2027, 08:00 – 17:00')
})
it('writes lengths and numbers', () => {
  expect([9 * 60, 204, 45, 0, 1440, 3060].map(m => length(m * 60_000, 'en'))).toEqual(['9 h', '3 h 24', '45 min', '0 min', '1 day', '2 days 3 h'])
  expect(length(1440 * 60_000, 'de')).toBe('1 Tag')
  expect(number(1059, 'en') + ' ' + number(1059, 'de')).toBe('1,059 1.059')
})
it('says how long to wait in whole words, and never too short', () => {
  expect([0, 1, 40, 59.2, 60, 61, 119, 3541, 3600, 3601, 7200, 90_000].map(s => waiting(s, 'en'))).toEqual([
    '1 second', '1 second', '40 seconds', '1 minute', '1 minute', '2 minutes', '2 minutes', '1 hour', '1 hour', '1 hour 1 minute', '2 hours', '25 hours'])
  expect([1, 2, 60, 120, 3600, 7200].map(s => waiting(s, 'de'))).toEqual(['1 Sekunde', '2 Sekunden', '1 Minute', '2 Minuten', '1 Stunde', '2 Stunden'])
})
