// What the kiosk's pages say of what the agent says. Pure.
import {clock, day, length, money, number, type Language, type Reading} from '@shared/format/format.ts'
import {fill} from '@shared/i18n/say.ts'
import type {Bill, Border, Line, Money, Pieces, State, Tariff} from './api.ts'
import type {Words} from './words.ts'

/** "€5.10"; whole euros without cents in running text. */
export const cash = (m: Money, l: Language): string => money(m, l)

/** What is written on a coin: "€2", "50c". */
export function coin(value: number, currency: string, l: Language): string {
  const digits = new Intl.NumberFormat('en', {style: 'currency', currency}).resolvedOptions().maximumFractionDigits ?? 2
  const whole = 10 ** digits
  if (value >= whole) return money({minor: value, currency}, l).replace(/[.,]0+(?=\D|$)/, '').replace(/\s/, ' ')
  return `${value}${currency === 'EUR' || currency === 'USD' ? 'c' : currency === 'GBP' ? 'p' : ''}`
}

/** The coins one by one, largest first, at most so many; the rest is a number. */
export function single(pieces: readonly Pieces[], most: number): {shown: Pieces[]; more: number} {
  const all = [...pieces].sort((a, b) => b.value - a.value).flatMap(p => Array.from({length: p.count}, () => ({...p, count: 1})))
  return all.length <= most ? {shown: all, more: 0} : {shown: all.slice(0, most - 1), more: all.length - most + 1}
}

/** Coins for somebody who hears them: "2 × €2, 1 × 50c". */
export const listed = (pieces: readonly Pieces[], currency: string, l: Language): string =>
  [...pieces].sort((a, b) => b.value - a.value).filter(p => p.count).map(p => `${p.count} × ${coin(p.value, currency, l)}`).join(', ')

export const sum = (pieces: readonly Pieces[]): number => pieces.reduce((s, p) => s + p.value * p.count, 0)

/** Up to three figures for the start screen. */
export function tariff(t: Tariff, w: Words, l: Language): {name: string; amount: Money}[] {
  const long = (m: number) => length(m * 60_000, l)
  const out = t.rates.filter(r => r.rate.minor > 0 || t.rates.length === 1).slice(0, 2).map(r => ({
    name: (r.after_minutes === 0 ? fill(t.rates.length > 1 && t.rates[1]?.after_minutes === r.interval_minutes ? w.firstTime : w.each, {length: long(r.interval_minutes)}) : fill(w.further, {length: long(r.interval_minutes)})) ?? '', amount: r.rate,
  }))
  return t.daily_max ? [...out, {name: w.dayMost, amount: t.daily_max}] : out
}

/** A line of the bill in the reader's language. The rule and its figures say it; what is not known is said as it came. */
export function bill(x: Line, zone: string, w: Words, r: Reading): {label: string; note: string; amount: Money} {
  const l = r.language, long = (m: number | undefined) => length((m ?? 0) * 60_000, l), pay = (minor: number | undefined) => (minor === undefined ? '' : money({minor, currency: x.amount.currency}, l))
  const values = {name: x.label, n: number(x.quantity ?? 0, l), length: long(x.minutes), rate: pay(x.rate), days: number(x.days ?? 1, l)}
  const known = (x.rule === 'rate' || x.rule === 'per_minute') && x.rate === undefined ? undefined : w.lines[x.rule]
  const label = (known && fill(known, values)) || x.label
  const [from, to] = [x.from ? Date.parse(x.from) : NaN, x.to ? Date.parse(x.to) : NaN]
  const note = Number.isNaN(from) || Number.isNaN(to) ? '' : day(from, zone, r) === day(to - 1, zone, r) ? `${clock(from, zone, r)} – ${clock(to, zone, r)}` : `${day(from, zone, r)} ${clock(from, zone, r)} – ${day(to, zone, r)} ${clock(to, zone, r)}`
  return {label, note, amount: x.amount}
}

/** The bill as it is shown: what was taken off is among its lines. Those that do not fit are one. */
export function rows(b: Bill, most: number, zone: string, w: Words, r: Reading): {label: string; amount: Money}[] {
  const all = b.lines.map(x => bill(x, zone, w, r))
  if (all.length <= most) return all
  const rest = all.slice(most - 1)
  return [...all.slice(0, most - 1), {label: `… + ${rest.length}`, amount: {...b.to_pay, minor: rest.reduce((s, x) => s + x.amount.minor, 0)}}]
}

/** All that is failing, in words, the worst first. */
export function failing(b: Border, zone: string, w: Words, r: Reading, currency: string): string[] {
  const coins = (b.short ?? []).map(s => coin(s.value, currency, r.language)).join(', '), hoppers = (b.short ?? []).map(s => String(s.hopper)).join(', ')
  const since = b.since ? clock(Date.parse(b.since), zone, r) : ''
  return b.codes.map(c => fill((c === 'no_link' && !since ? w.border['no_link_plain'] : w.border[c]) ?? c, {since, coins, hoppers}) ?? c)
}

/** The tag on the border: what is failing, and what still works. */
export function tag(b: Border, zone: string, w: Words, r: Reading, currency: string): string {
  const [what, ...others] = failing(b, zone, w, r, currency)
  if (!what) return ''
  const works = b.works.map(x => w.works[x]).filter(Boolean)
  return [others.length ? `${what} (+${others.length})` : what, works.length ? fill(w.work, {what: new Intl.ListFormat(r.language, {type: 'conjunction'}).format(works as string[])}) ?? '' : ''].filter(Boolean).join('\u00a0· ') // the dot ends a line rather than beginning one
}

/** How the countdown stands: null: nothing is asked yet. The rest is in whole seconds. */
export function countdown(s: Pick<State, 'deadline'>, at: number, now: number): {left: number; may: boolean} | null {
  const d = s.deadline
  if (!d) return null
  const gone = now - at
  return gone < d.asks_in_ms ? null : {left: Math.max(0, Math.ceil((d.ends_in_ms - gone) / 1000)), may: d.may_double}
}

/** A scanner types like a keyboard, but faster than a hand, and ends with Enter. */
export class Scanner {
  #text = ''
  #last = 0
  /** Takes a key; a whole code when it was the last of one. */
  key(k: string, at: number): string | null {
    if (at - this.#last > 80) this.#text = ''
    this.#last = at
    if (k === 'Enter') { const t = this.#text; this.#text = ''; return t.length >= 4 ? t : null }
    if (k.length === 1) this.#text += k
    return null
  }
}
