// Money, times and lengths as people write them.
import {DAY, formatter, isTwice} from '../time/zone.ts'
import type {Amount} from '../price/sum.ts'

export type Language = 'en' | 'de'

/** How somebody wants to read: the language, and whether the clock has 12 hours. */
export interface Reading {
  language: Language; hour12?: boolean
  /** The time of now: days of another year have that. Left out: none has. */ now?: number
  /** Each day has its year, as on a receipt. */ year?: boolean
}

const locales: Record<Language, string> = {en: 'en-GB', de: 'de-DE'}

const others: Record<string, number> = {JPY: 0, KRW: 0, KWD: 3, BHD: 3}
/** How many decimals the API's minor units have. A browser's own are how people write an amount, which for some (HUF) is another number. */
export const decimals = (currency: string): number => others[currency] ?? 2

/** "€5.10", "5,10 €", "−€4.50": exact, with a real minus sign. */
export function money(a: Amount, language: Language): string {
  const digits = decimals(a.currency)
  const f = new Intl.NumberFormat(locales[language], {style: 'currency', currency: a.currency, minimumFractionDigits: digits, maximumFractionDigits: digits})
  const text = String(Math.abs(a.minor)).padStart(digits + 1, '0')
  const exact = digits ? `${text.slice(0, -digits)}.${text.slice(-digits)}` : text
  return f.format(`${a.minor < 0 ? '-' : ''}${exact}` as Intl.StringNumericLiteral).replace('-', '−')
}

/** "08:00", "8:00 am"; with the zone's name in the hour that comes twice. */
export function clock(t: number, zone: string, r: Reading): string {
  const twice = isTwice(t, zone)
  const f = formatter(locales[r.language], zone, {
    hour: r.hour12 ? 'numeric' : '2-digit', minute: '2-digit', hourCycle: r.hour12 ? 'h12' : 'h23', ...(twice && {timeZoneName: 'short'}),
  })
  return f.format(t)
}

const yearOf = (t: number, zone: string) => formatter('en-GB', zone, {year: 'numeric'}).format(t)

/** "Thu 13 June", "Do 13. Juni"; with its year when that is not the one of now: "Mon 3 January 2028". */
export function day(t: number, zone: string, r: Reading): string {
  const year = r.year || (r.now !== undefined && yearOf(t, zone) !== yearOf(r.now, zone))
  return formatter(locales[r.language], zone, {weekday: 'short', day: 'numeric', month: 'long', ...(year && {year: 'numeric'})}).format(t).replace(/[.,]+ /, ' ')
}

const weekday = (t: number, zone: string, r: Reading) => formatter(locales[r.language], zone, {weekday: 'short'}).format(t).replace('.', '')

/** "Thu 13 June, 08:00 – 17:00"; another day's end has its day. */
export function span(from: number, to: number, zone: string, r: Reading): string {
  const same = day(from, zone, r) === day(to - 1, zone, r)
  const end = same ? clock(to, zone, r) : to - from < 6 * DAY ? `${weekday(to, zone, r)} ${clock(to, zone, r)}` : `${day(to, zone, r)}, ${clock(to, zone, r)}`
  return `${day(from, zone, r)}, ${clock(from, zone, r)} – ${end}`
}

/** "9 h", "3 h 24", "45 min", "2 days 3 h". */
export function length(ms: number, language: Language): string {
  const m = Math.max(0, Math.round(ms / 60_000))
  const [d, h, min] = [Math.floor(m / 1440), Math.floor(m / 60) % 24, m % 60]
  if (d) return `${d} ${language === 'de' ? (d === 1 ? 'Tag' : 'Tage') : d === 1 ? 'day' : 'days'}${h ? ` ${h} h` : ''}${min ? ` ${min} min` : ''}`
  if (h) return min ? `${h} h ${String(min).padStart(2, '0')}` : `${h} h`
  return `${min} min`
}

/** How long to wait, in words and never too short: "40 seconds", "2 Minuten", "1 hour 5 minutes". */
export function waiting(seconds: number, language: Language): string {
  const s = Math.max(1, Math.ceil(seconds)), m = Math.ceil(s / 60)
  const unit = (n: number, unit: 'hour' | 'minute' | 'second') => new Intl.NumberFormat(locales[language], {style: 'unit', unit, unitDisplay: 'long'}).format(n)
  if (s < 60) return unit(s, 'second')
  if (m < 60) return unit(m, 'minute')
  return unit(Math.floor(m / 60), 'hour') + (m % 60 ? ` ${unit(m % 60, 'minute')}` : '')
}

/** "1,059", "1.059". */
export const number = (n: number, language: Language): string => new Intl.NumberFormat(locales[language]).format(n)

/** The last characters of an id, as the mails write them. */
export const short = (id: string): string => id.slice(-6).toUpperCase().replace(/^(...)/, '$1 ')
