import {expect, test} from 'vitest'
import {lineText, percent, type Line} from './lines.ts'

const en = {language: 'en'} as const, de = {language: 'de'} as const
const line = (rule: string, more: Partial<Line> = {}): Line => ({rule, label: 'the server’s label', from: '', to: '', amount: {minor: 100, currency: 'EUR'}, ...more})

test('every rule of a tariff is said from its figures', () => {
  const cases: [Line, string, string][] = [
    [line('rate', {quantity: 18, minutes: 30, rate: 120}), '18 × 30 min at €1.20', '18 × 30 min zu 1,20\u00a0€'],
    [line('rate', {id: 'night', quantity: 2, minutes: 60, rate: 50, days: 3}), 'night: 2 h at €0.50, 3 days', 'night: 2 h zu 0,50\u00a0€, 3 Tage'],
    [line('per_minute', {quantity: 17, minutes: 60, rate: 150}), '17 min at €1.50 for 1 h', '17 min zu 1,50\u00a0€ für 1 h'],
    [line('free_minutes', {minutes: 10}), 'Up to 10 min free', 'Bis 10 min frei'],
    [line('consideration', {minutes: 5}), 'Gone again within 5 min', 'Binnen 5 min wieder weg'],
    [line('band_max', {id: 'night', rate: 500}), 'night: At most €5.00', 'night: Höchstens 5,00\u00a0€'],
    [line('daily_max', {rate: 1800}), 'Day maximum €18.00', 'Tageshöchstpreis 18,00\u00a0€'],
    [line('daily_max', {rate: 1800, days: 2}), 'Day maximum €18.00, 2 days', 'Tageshöchstpreis 18,00\u00a0€, 2 Tage'],
    [line('daily_max', {rate: 1800, minutes: 1440}), 'At most €18.00 in 1 day', 'Höchstens 18,00\u00a0€ in 1 Tag'],
    [line('maximum', {rate: 2000, minutes: 1440}), 'At most €20.00 in 1 day', 'Höchstens 20,00\u00a0€ in 1 Tag'],
    [line('minimum', {rate: 200}), 'At least €2.00', 'Mindestens 2,00\u00a0€'],
    [line('factor', {id: 'ev', rate: 12_550}), '125.5 % of the price for this kind of space', '125,5 % des Preises für diese Art Platz'],
    [line('demand', {rate: 15_000}), 'Demand: 150 % of the price', 'Nachfrage: 150 % des Preises'],
    [line('charged_before'), 'Charged before, for the stay that this one goes on with', 'Schon berechnet, für den Aufenthalt davor'],
  ]
  for (const [l, english, german] of cases) expect([lineText(l, en), lineText(l, de)]).toEqual([english, german])
})

test('a rule that is not known, and a line without figures, say what they brought', () => {
  for (const rule of ['new_rule', 'rate', 'per_minute', 'daily_max', 'maximum', 'minimum', 'factor', 'demand', 'band_max', 'free_minutes', 'consideration']) {
    expect(lineText(line(rule), de)).toBe('the server’s label')
  }
})

test('an amount has its own currency’s decimals', () => {
  const of = (currency: string, rate: number) => lineText({...line('minimum', {rate}), amount: {minor: 0, currency}}, en)
  expect([of('JPY', 500), of('KWD', 1250), of('CHF', 1250)]).toEqual(['At least JP¥500', 'At least KWD\u00a01.250', 'At least CHF\u00a012.50'])
})

test('per cents', () => expect([percent(1900, 'en'), percent(775, 'de')]).toEqual(['19 %', '7,75 %']))
