// What somebody types as an amount of money, and days without a time. Pure.
import {decimals, type Language} from '@shared/format/format.ts'

/** Minor units of an amount as it is typed, "1.50" or "1,50"; null: it is none. */
export function minor(text: string, currency: string): number | null {
  const digits = decimals(currency)
  const m = /^(\d{1,7})(?:[.,](\d+))?$/.exec(text.trim())
  if (!m || (m[2] ?? '').length > digits) return null
  const n = Number(m[1]) * 10 ** digits + Number((m[2] ?? '').padEnd(digits, '0') || 0)
  return n > 0 ? n : null
}

/** The day that it is in a zone, as 2026-11-28. */
export const today = (zone: string, now = Date.now()): string => new Intl.DateTimeFormat('en-CA', {timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit'}).format(now)

/** A day as it is read: "28 Nov 2026", "28. Nov. 2026". */
export const dayWritten = (day: string, language: Language): string => new Intl.DateTimeFormat(language === 'de' ? 'de-DE' : 'en-GB', {timeZone: 'UTC', day: 'numeric', month: 'short', year: 'numeric'}).format(Date.parse(`${day}T00:00:00Z`))

/** What a shop owes of what its codes took off; below nothing: it has paid ahead. */
export const owing = (owed: {minor: number; currency: string}, paid: {minor: number} | undefined): {minor: number; currency: string} => ({minor: owed.minor - (paid?.minor ?? 0), currency: owed.currency})
