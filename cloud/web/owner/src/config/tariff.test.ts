import {describe, expect, it} from 'vitest'
import {changes, get, next, rows, set, shown, typed, written, type Doc} from './tariff.ts'
import {configWords} from './words.ts'

const doc: Doc = {
  format: 1, version: 14, currency: 'EUR', rate: 250, interval_minutes: 60, steps: [{after_minutes: 60, rate: 200, interval_minutes: 60}],
  bands: [{id: 'evening', from: '18:00', to: '06:00', rate: 0, interval_minutes: 60, max: 400}], free_minutes: 0, consideration_minutes: 10, daily_max: 1400, day: 'calendar',
  maxima: [{hours: 168, amount: 5000}], factors: {ev: 12_000}, tax_basis_points: 1900,
}
const all = (d: Doc) => rows(d, configWords.en, 'en', t => t, t => t)

describe('a tariff in rows', () => {
  it('has every amount once, under the path at which it stands', () => {
    const r = all(doc)
    for (const x of r) expect(get(doc, x.path), x.name).toBe(x.value)
    expect(r.map(x => x.path.join('.'))).toEqual(['rate', 'steps.0.rate', 'bands.0.rate', 'bands.0.max', 'daily_max', 'maxima.0.amount', 'free_minutes', 'consideration_minutes', 'factors.ev', 'tax_basis_points'])
    expect(r[1]?.name).toBe('After 1 h, each 1 h')
  })
  it('is changed without touching the one in force', () => {
    const before = JSON.stringify(doc)
    const d = set(set(doc, ['steps', 0, 'rate'], 240), ['daily_max'], 1600)
    expect(JSON.stringify(doc)).toBe(before)
    expect([d.steps?.[0]?.rate, d.daily_max, changes(doc, d)]).toEqual([240, 1600, 2])
    expect(next(d, doc).version).toBe(15)
    expect(changes(doc, next(doc, doc))).toBe(0)
  })
})

describe('values', () => {
  it('are typed with a point or a comma, and nothing is guessed', () => {
    expect(typed('2.50', 'money', 'EUR')).toBe(250)
    expect(typed('2,5', 'money', 'EUR')).toBe(250)
    expect(typed('2', 'money', 'EUR')).toBe(200)
    expect(typed('300', 'money', 'JPY')).toBe(300)
    expect(typed('1.234', 'money', 'KWD')).toBe(1234)
    expect(typed('19', 'percent', 'EUR')).toBe(1900)
    expect(typed('7.75', 'percent', 'EUR')).toBe(775)
    for (const bad of ['', '2.505', '-1', 'two', '1e3', '2.5.0', '1 000']) expect(typed(bad, 'money', 'EUR'), bad).toBeNull()
    expect(typed('1.5', 'minutes', 'EUR')).toBeNull()
  })
  it('come back as they were written', () => {
    for (const [value, kind, currency] of [[250, 'money', 'EUR'], [5, 'money', 'EUR'], [1234, 'money', 'KWD'], [300, 'money', 'JPY'], [1900, 'percent', 'EUR'], [775, 'percent', 'EUR'], [100, 'percent', 'EUR'], [10, 'minutes', 'EUR']] as const)
      for (const language of ['en', 'de'] as const) expect(typed(written({kind, value}, currency, language), kind, currency)).toBe(value)
    expect(written({kind: 'percent', value: 10_000}, 'EUR', 'en')).toBe('100')
    expect(shown({kind: 'minutes', value: 90}, 'EUR', 'en')).toBe('1 h 30')
  })
})
