// A tariff as rows that can be changed. Pure: a change makes another document.
import {percent} from '@shared/price/lines.ts'
import {days, type Tariff} from '@shared/price/tariff.ts'
import {length, money, type Language} from '@shared/format/format.ts'
import {fill} from '@shared/i18n/say.ts'
import type {ConfigWords} from './words.ts'

export type Doc = Tariff & {version: number; format: number; re_entry_minutes?: number}
export type Path = readonly (string | number)[]
export interface Row { path: Path; name: string; kind: 'money' | 'minutes' | 'percent'; value: number }

const MINUTE = 60_000

/** The rows of a document, in the order in which drivers read them. */
export function rows(t: Doc, w: ConfigWords, language: Language, spaceName: (type: string) => string, at: (t: string) => string): Row[] {
  const r = w.rules, say = (text: string | undefined, values: Record<string, string>) => fill(text ?? '', values) ?? ''
  const long = (minutes: number) => length(minutes * MINUTE, language)
  const out: Row[] = []
  const cash = (path: Path, name: string, value: number | undefined) => { if (value !== undefined) out.push({path, name, kind: 'money', value}) }
  const rate = (path: Path, prefix: string, x: {rate: number; interval_minutes: number; steps?: {after_minutes: number; rate: number; interval_minutes: number}[]; max?: number}) => {
    const with_ = (text: string) => (prefix ? `${prefix}: ${text.replace(/^./, c => c.toLowerCase())}` : text)
    cash([...path, 'rate'], with_(say(t.charge === 'exact' ? r['exact'] : r['each'], {length: long(x.interval_minutes)})), x.rate)
    x.steps?.forEach((s, i) => cash([...path, 'steps', i, 'rate'], with_(say(r['after'], {length: long(s.after_minutes), each: long(s.interval_minutes)})), s.rate))
    if (x.max) cash([...path, 'max'], with_(r['most'] ?? ''), x.max)
  }
  rate([], '', t)
  t.bands?.forEach((b, i) => rate(['bands', i], say(r['band'], {days: days(b.days, language), from: b.from, to: b.to}), b))
  t.events?.forEach((e, i) => rate(['events', i], say(r['event'], {from: at(e.from), to: at(e.to)}), e))
  if (t.minimum) cash(['minimum'], r['least'] ?? '', t.minimum)
  if (t.daily_max) cash(['daily_max'], r[t.day === 'rolling' ? 'rolling' : 'dayMost'] ?? '', t.daily_max)
  t.maxima?.forEach((m, i) => cash(['maxima', i, 'amount'], say(r['maximum'], {length: long(m.hours * 60)}), m.amount))
  const wait = (key: keyof Doc & string, name: string) => { const v = t[key]; if (typeof v === 'number' && (v > 0 || key === 'free_minutes')) out.push({path: [key], name: r[name] ?? '', kind: 'minutes', value: v}) }
  wait('free_minutes', 'free'); wait('consideration_minutes', 'consider'); wait('re_entry_minutes', 'reentry'); wait('exit_after_payment_minutes', 'exit')
  for (const [type, f] of Object.entries(t.factors ?? {})) out.push({path: ['factors', type], name: say(r['factor'], {type: spaceName(type)}), kind: 'percent', value: f})
  out.push({path: ['tax_basis_points'], name: r['tax'] ?? '', kind: 'percent', value: t.tax_basis_points})
  return out
}

export const get = (t: unknown, path: Path): unknown => path.reduce<unknown>((x, k) => (typeof x === 'object' && x !== null ? (x as Record<string | number, unknown>)[k] : undefined), t)

/** The document with another value at a path. */
export function set<T>(t: T, path: Path, value: unknown): T {
  const [k, ...rest] = path
  if (k === undefined) return value as T
  const copy = (Array.isArray(t) ? [...t] : {...t}) as Record<string | number, unknown>
  copy[k] = set(copy[k], rest, value)
  return copy as T
}

/** The digits behind a currency's point. */
export const digits = (currency: string): number => new Intl.NumberFormat('en', {style: 'currency', currency}).resolvedOptions().maximumFractionDigits ?? 2

/** What a field shows: "2.50", "10", "80". */
export function written(r: Pick<Row, 'kind' | 'value'>, currency: string, language: Language): string {
  const point = language === 'de' ? ',' : '.'
  const shift = r.kind === 'money' ? digits(currency) : r.kind === 'percent' ? 2 : 0
  const text = String(r.value).padStart(shift + 1, '0')
  const whole = shift ? `${text.slice(0, -shift)}${point}${text.slice(-shift)}` : text
  return r.kind === 'percent' ? whole.replace(/[.,]?0+$/, '') || '0' : whole
}

/** Reads what somebody typed, with a point or a comma; null: that is no such number. */
export function typed(text: string, kind: Row['kind'], currency: string): number | null {
  const shift = kind === 'money' ? digits(currency) : kind === 'percent' ? 2 : 0
  const m = /^(\d{1,9})(?:[.,](\d+))?$/.exec(text.trim())
  if (!m || (m[2] ?? '').length > shift) return null
  return Number((m[1] ?? '') + (m[2] ?? '').padEnd(shift, '0'))
}

/** How a value reads beside its row. */
export const shown = (r: Pick<Row, 'kind' | 'value'>, currency: string, language: Language): string =>
  r.kind === 'money' ? money({minor: r.value, currency}, language) : r.kind === 'minutes' ? length(r.value * MINUTE, language) : percent(r.value, language)

/** The draft as it is sent: the next edition. */
export const next = (draft: Doc, now: Doc): Doc => ({...draft, version: now.version + 1})

/** How many values differ; a document of another shape differs in one more. */
export function changes(a: unknown, b: unknown): number {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b) ? 0 : 1
  const keys = new Set([...Object.keys(a), ...Object.keys(b)])
  let n = 0
  for (const k of keys) if (k !== 'version') n += changes((a as Record<string, unknown>)[k], (b as Record<string, unknown>)[k])
  return n
}
