import {readFileSync} from 'node:fs'
import {expect, test} from 'vitest'
import {decimals, money} from '../format/format.ts'
import {about, currencies} from './about.ts'

const rates = {base: 'EUR', as_of: '2026-11-26', rates: {USD: 1.0821, JPY: 163.5, KWD: 0.332}}

test('an amount in another currency, with the decimals of that one', () => {
  expect(about({minor: 510, currency: 'EUR'}, 'USD', rates)).toEqual({minor: 552, currency: 'USD'})
  expect(about({minor: 510, currency: 'EUR'}, 'JPY', rates)).toEqual({minor: 834, currency: 'JPY'})
  expect(about({minor: 510, currency: 'EUR'}, 'KWD', rates)).toEqual({minor: 1693, currency: 'KWD'})
  expect(about({minor: 1000, currency: 'JPY'}, 'EUR', rates)).toEqual({minor: 612, currency: 'EUR'})
  expect(about({minor: 1000, currency: 'JPY'}, 'USD', rates)).toEqual({minor: 662, currency: 'USD'})
  expect(about({minor: -450, currency: 'EUR'}, 'USD', rates)).toEqual({minor: -487, currency: 'USD'})
})

test('nothing is said where nothing is known, or it would be the same', () => {
  const eur = {minor: 510, currency: 'EUR'}
  expect([about(eur, 'EUR', rates), about(eur, '', rates), about(eur, 'CHF', rates), about({minor: 1, currency: 'CHF'}, 'EUR', rates), about(eur, 'USD', null), about(eur, 'USD', {rates: {}})])
    .toEqual([null, null, null, null, null, null])
})

test('what can be chosen', () => {
  expect(currencies(rates)).toEqual(['EUR', 'JPY', 'KWD', 'USD'])
  expect(currencies({rates: {}})).toEqual([])
})

// What is stored in minor units must be read with as many decimals: the list is Go's own.
test('every currency that the server knows has its decimals here', () => {
  const table = /exponents = map\[Currency\]int\{([^}]*)\}/.exec(readFileSync(new URL('../../../../protocol/money/money.go', import.meta.url), 'utf8'))?.[1] ?? ''
  const known = [...table.matchAll(/"([A-Z]{3})": (\d)/g)].map(m => [m[1], Number(m[2])])
  expect(known.length).toBeGreaterThan(15)
  expect(known.map(([currency]) => [currency, decimals(String(currency))])).toEqual(known)
  const plain = (a: {minor: number; currency: string}, l: 'en' | 'de') => money(a, l).replaceAll('\u00a0', ' ')
  expect([plain({minor: 510, currency: 'JPY'}, 'en'), plain({minor: 510, currency: 'JPY'}, 'de')]).toEqual(['JP¥510', '510 ¥'])
  expect([plain({minor: 1234, currency: 'KWD'}, 'en'), plain({minor: 1234, currency: 'KWD'}, 'de')]).toEqual(['KWD 1.234', '1,234 KWD'])
  expect([plain({minor: 125_000, currency: 'HUF'}, 'en'), plain({minor: 125_000, currency: 'HUF'}, 'de')]).toEqual(['HUF 1,250.00', '1.250,00 HUF'])
})
