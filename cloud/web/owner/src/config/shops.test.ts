import {expect, test} from 'vitest'
import {dayWritten, minor, owing, today} from './shops.ts'

test('an amount is read as it is typed', () => {
  for (const [text, currency, want] of [['2', 'EUR', 200], ['1.50', 'EUR', 150], ['1,5', 'EUR', 150], ['300', 'JPY', 300], ['0,05', 'EUR', 5], ['12.5', 'HUF', 1250], ['1.234', 'KWD', 1234]] as const) expect(minor(text, currency), text).toBe(want)
  for (const [text, currency] of [['', 'EUR'], ['0', 'EUR'], ['-1', 'EUR'], ['1.505', 'EUR'], ['1.5', 'JPY'], ['1e3', 'EUR'], ['€2', 'EUR']] as const) expect(minor(text, currency), text).toBe(null)
})

test('a day is that of the parking, and is written without a time', () => {
  const late = Date.parse('2026-11-27T23:30:00Z')
  expect(today('Europe/Berlin', late)).toBe('2026-11-28')
  expect(today('America/New_York', late)).toBe('2026-11-27')
  expect(dayWritten('2026-11-28', 'en')).toBe('28 Nov 2026')
  expect(dayWritten('2026-11-28', 'de')).toBe('28. Nov. 2026')
})

test('a shop owes what was taken off and not paid', () => {
  expect(owing({minor: 500, currency: 'EUR'}, {minor: 120})).toEqual({minor: 380, currency: 'EUR'})
  expect(owing({minor: 500, currency: 'EUR'}, undefined).minor).toBe(500)
  expect(owing({minor: 0, currency: 'EUR'}, {minor: 7}).minor).toBe(-7)
})
