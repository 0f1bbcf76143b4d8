import {describe, expect, it} from 'vitest'
import type {Border, Line} from './api.ts'
import {bill, coin, countdown, failing, listed, rows, Scanner, single, sum, tag, tariff} from './rules.ts'
import {all} from './words.ts'

const en = {language: 'en' as const}
const eur = (minor: number) => ({minor, currency: 'EUR'})

describe('coins', () => {
  it('are named as they are stamped', () => {
    expect([coin(200, 'EUR', 'en'), coin(50, 'EUR', 'en'), coin(1000, 'EUR', 'de'), coin(50, 'GBP', 'en'), coin(500, 'JPY', 'en')]).toEqual(['€2', '50c', '10 €', '50p', 'JP¥500'])
  })
  it('are shown largest first, and those that do not fit are counted', () => {
    const pieces = [{value: 20, count: 2, note: false}, {value: 200, count: 2, note: false}, {value: 50, count: 1, note: false}]
    expect(single(pieces, 8).shown.map(p => p.value)).toEqual([200, 200, 50, 20, 20])
    expect(single(pieces, 4)).toMatchObject({more: 2})
    expect(single(pieces, 4).shown).toHaveLength(3)
    expect(sum(pieces)).toBe(490)
    expect(listed(pieces, 'EUR', 'en')).toBe('2 × €2, 1 × 50c, 2 × 20c')
  })
})

describe('the bill', () => {
  const zone = 'Europe/Berlin'
  const l = (more: Partial<Line>): Line => ({rule: 'rate', label: '1 × 60 min at 2.50 EUR', amount: eur(250), ...more})
  it('says a known rule in the language of the reader', () => {
    expect(bill(l({quantity: 1, minutes: 60, rate: 250}), zone, all.de, {language: 'de'}).label).toBe('1 × 1 h zu 2,50\u00a0€')
    expect(bill(l({rule: 'daily_max', rate: 1400}), zone, all.en, en).label).toBe('Day maximum €14.00')
  })
  it('says what it does not know as it came, and never with a gap', () => {
    expect(bill(l({}), zone, all.en, en).label).toBe('1 × 60 min at 2.50 EUR')
    expect(bill(l({rule: 'new_rule', label: 'Something new'}), zone, all.en, en).label).toBe('Something new')
  })
  it('says what was taken off once, by whom, and comes to what is to be paid', () => {
    const b = {lines: [l({quantity: 1, minutes: 60, rate: 510, amount: eur(510)}), l({rule: 'validation', label: 'Kino', amount: eur(-150)}), l({rule: 'credit', label: 'Credit slip', amount: eur(-90)})], total: eur(510), paid_before: eur(0), discount: eur(240), to_pay: eur(270), tax: eur(0), tax_basis_points: 0, tariff_version: 1, valid_until: ''}
    for (const most of [5, 2]) {
      const shown = rows(b, most, zone, all.en, en)
      expect(shown.reduce((s, x) => s + x.amount.minor, 0)).toBe(b.to_pay.minor)
      expect(shown).toHaveLength(Math.min(3, most))
    }
    expect(rows(b, 5, zone, all.de, {language: 'de'}).map(x => x.label)).toEqual(['1 × 1 h zu 5,10\u00a0€', 'Von Kino übernommen', 'Guthabenbeleg'])
  })
  it('says from when to when', () => {
    expect(bill(l({from: '2026-06-15T07:06:00Z', to: '2026-06-15T08:06:00Z'}), zone, all.en, en).note).toBe('09:06 – 10:06')
  })
})

describe('the border', () => {
  const b = (more: Partial<Border>): Border => ({look: 'link', codes: ['no_link'], works: ['cash', 'card'], ...more})
  it('says what fails and what still works', () => {
    expect(tag(b({since: '2026-06-15T09:06:00Z'}), 'Europe/Berlin', all.en, en, 'EUR')).toBe('No link to the cloud since 11:06\u00a0· cash and cards work')
    expect(tag(b({look: 'cash', codes: ['coins_short'], works: [], short: [{value: 20, hopper: 3}, {value: 10, hopper: 4}]}), 'Europe/Berlin', all.en, en, 'EUR')).toBe('20c, 10c coins run out · hopper 3, 4')
    expect(tag(b({codes: []}), 'Europe/Berlin', all.en, en, 'EUR')).toBe('')
  })
  it('says no time where it is not known since when, and never with a gap', () => {
    expect(tag(b({}), 'Europe/Berlin', all.en, en, 'EUR')).toBe('No link to the cloud\u00a0· cash and cards work')
  })
  it('says that more is failing, and staff reads all of it', () => {
    const both = b({look: 'cash', codes: ['coins_out', 'no_link'], since: '2026-06-15T09:06:00Z'})
    expect(tag(both, 'Europe/Berlin', all.en, en, 'EUR')).toBe('No coins for change (+1)\u00a0· cash and cards work')
    expect(failing(both, 'Europe/Berlin', all.en, en, 'EUR')).toEqual(['No coins for change', 'No link to the cloud since 11:06'])
  })
})

describe('the countdown', () => {
  const s = {deadline: {asks_in_ms: 45_000, ends_in_ms: 75_000, may_double: true}}
  it('is not shown before it is asked', () => {
    expect(countdown(s, 0, 44_999)).toBeNull()
    expect(countdown(s, 0, 45_000)).toEqual({left: 30, may: true})
    expect(countdown(s, 0, 90_000)).toEqual({left: 0, may: true})
    expect(countdown({deadline: null}, 0, 1)).toBeNull()
  })
})

describe('a scanner', () => {
  const type = (s: Scanner, text: string, every: number, from = 0) => { let t = from; for (const c of text) { t += every; s.key(c, t) } return s.key('Enter', t + every) }
  it('is faster than a hand', () => {
    expect(type(new Scanner(), 'PK1:ABCDEF', 10)).toBe('PK1:ABCDEF')
    expect(type(new Scanner(), 'PK1:ABCDEF', 200)).toBeNull()
  })
  it('leaves out what was typed before it', () => {
    const s = new Scanner()
    s.key('X', 0)
    expect(type(s, 'PK1:AB', 10, 5000)).toBe('PK1:AB')
    expect(type(s, 'AB', 10, 9000)).toBeNull()
  })
})

describe('the start', () => {
  it('shows at most three figures', () => {
    const t = {version: 14, rates: [{after_minutes: 0, rate: eur(250), interval_minutes: 60}, {after_minutes: 60, rate: eur(200), interval_minutes: 60}, {after_minutes: 600, rate: eur(100), interval_minutes: 60}], exact: true, daily_max: eur(1400), free_minutes: 0, exit_minutes: 15, more: false}
    expect(tariff(t, all.en, 'en').map(r => `${r.name} ${r.amount.minor}`)).toEqual(['First 1 h 250', 'Each further 1 h 200', 'At most per day 1400'])
  })
})

describe('the words', () => {
  const flat = (v: unknown, at = ''): [string, string][] => (typeof v === 'string' ? [[at, v]] : Object.entries(v as object).flatMap(([k, x]) => flat(x, `${at}.${k}`)))
  const names = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(m => m[1]).sort()
  it('are all there in both languages, with the same values', () => {
    const a = new Map(flat(all.en)), b = new Map(flat(all.de))
    expect([...b.keys()].sort()).toEqual([...a.keys()].sort())
    for (const [k, t] of a) expect(names(b.get(k) ?? ''), k).toEqual(names(t))
  })
})
