import {expect, test} from 'vitest'
import type {Schemas} from '@shared/app/api.ts'
import {days, type Tariff} from '@shared/price/tariff.ts'
import {lineOf, terms} from './tariff.ts'

const en = {language: 'en'} as const, de = {language: 'de'} as const, berlin = 'Europe/Berlin'
const plain: Tariff = {currency: 'EUR', rate: 120, interval_minutes: 30, free_minutes: 10, daily_max: 1800, day: 'calendar', tax_basis_points: 1900}

test('a plain tariff in words', () => {
  expect(terms(plain, 'standard', 'Standard', berlin, en)).toEqual([
    {when: 'Up to 10 min', what: 'free'}, {when: 'Any time', what: '€1.20 each 30 min begun'}, {when: 'At most a day', what: '€18.00'},
  ])
  expect(terms(plain, 'standard', 'Standard', berlin, de)[1]).toEqual({when: 'Jederzeit', what: '1,20\u00a0€ je angefangene 30 min'})
})

test('bands, steps, maxima and the factor of the chosen space', () => {
  const t: Tariff = {
    ...plain, rate: 0, interval_minutes: 0, free_minutes: 0, daily_max: 0, factors: {ev: 12_500, oversize: 15_000}, maxima: [{hours: 24, amount: 2000}], minimum: 200,
    bands: [{id: 'day', days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '06:00', to: '20:00', rate: 250, interval_minutes: 60, steps: [{after_minutes: 180, rate: 150, interval_minutes: 60}], max: 1500},
      {id: 'night', from: '20:00', to: '06:00', rate: 0, interval_minutes: 60}],
  }
  expect(terms(t, 'ev', 'Charging', berlin, en).map(x => `${x.when}: ${x.what}`)).toEqual([
    'Mon – Fri, 06:00 – 20:00: €2.50 each 1 h begun', 'After 3 h: €1.50 each 1 h begun', 'At most for it: €15.00', 'Every day, 20:00 – 06:00: free',
    'At least: €2.00', 'At most in 1 day: €20.00', 'Charging spaces: 125 % of the price',
  ])
})

test('days of the week', () => {
  expect(days(['sat', 'sun', 'holiday'], 'en')).toBe('Sat, Sun, holidays')
  expect(days(['mon', 'tue', 'wed', 'sat'], 'de')).toBe('Mo – Mi, Sa')
  expect(days(undefined, 'en')).toBe('Every day')
})

const line = (rule: string, label: string, minor: number): Schemas['PriceLine'] => ({
  rule, label, from: '2026-11-27T14:00:00Z', to: '2026-11-27T18:00:00Z', amount: {minor, currency: 'EUR'},
})

test('a line has its interval', () => {
  expect(lineOf(line('rate', 'x', 1), berlin, en).note).toBe('Fri 27 November, 15:00 – 19:00')
  expect(lineOf({...line('rate', 'x', 1), to: '2026-11-28T18:00:00Z'}, berlin, en).note).toBe('Fri 27 November, 15:00 – Sat 28 November, 19:00')
})
