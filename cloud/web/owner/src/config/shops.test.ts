import {expect, test} from 'vitest'
import {minor} from './shops.ts'

test('an amount is read as it is typed', () => {
  for (const [text, currency, want] of [['2', 'EUR', 200], ['1.50', 'EUR', 150], ['1,5', 'EUR', 150], ['300', 'JPY', 300], ['0,05', 'EUR', 5]] as const) expect(minor(text, currency), text).toBe(want)
  for (const [text, currency] of [['', 'EUR'], ['0', 'EUR'], ['-1', 'EUR'], ['1.505', 'EUR'], ['1.5', 'JPY'], ['1e3', 'EUR'], ['€2', 'EUR']] as const) expect(minor(text, currency), text).toBe(null)
})
