// A tariff and the lines of a price in words, in the language of the reader.
import {clock, day, length, money, type Language, type Reading} from '@shared/format/format.ts'
import {fill} from '@shared/i18n/say.ts'
import {lineText, percent, type Line} from '@shared/price/lines.ts'
import {days, type Rate, type Step, type Tariff} from '@shared/price/tariff.ts'

const en = {
  each: 'each {length} begun', exact: 'for {length}, counted to the minute', any: 'Any time', after: 'After {length}', free: 'Up to {length}', nothing: 'free', consider: 'Gone again within {length}',
  least: 'At least', dayMost: 'At most a day', rollingMost: 'At most in 24 hours', most: 'At most in {length}', bandMost: 'At most for it', event: 'From {from} to {to}',
  factor: '{type} spaces', ofPrice: '{percent} of the price', pay: 'After paying at the machine', payOut: '{length} to drive out',
}
const de: typeof en = {
  each: 'je angefangene {length}', exact: 'für {length}, auf die Minute gerechnet', any: 'Jederzeit', after: 'Nach {length}', free: 'Bis {length}', nothing: 'frei', consider: 'Binnen {length} wieder weg',
  least: 'Mindestens', dayMost: 'Höchstens am Tag', rollingMost: 'Höchstens in 24 Stunden', most: 'Höchstens in {length}', bandMost: 'Höchstens dafür', event: 'Von {from} bis {to}',
  factor: 'Plätze „{type}“', ofPrice: '{percent} des Preises', pay: 'Nach dem Zahlen am Automaten', payOut: '{length} zum Hinausfahren',
}
const all: Record<Language, typeof en> = {en, de}

export interface Term { when: string; what: string }

const MINUTE = 60_000

/** What a tariff says, rule by rule. Of the factors only that of the chosen space type is said. */
export function terms(t: Tariff, type: string, typeName: string, zone: string, r: Reading): Term[] {
  const w = all[r.language], say = (text: string, values: Record<string, string>) => fill(text, values) ?? ''
  const pay = (minor: number) => money({minor, currency: t.currency}, r.language)
  const long = (minutes: number) => length(minutes * MINUTE, r.language)
  const cost = (x: {rate: number; interval_minutes: number}) => (x.rate === 0 ? w.nothing : `${pay(x.rate)} ${say(t.charge === 'exact' ? w.exact : w.each, {length: long(x.interval_minutes)})}`)
  const out: Term[] = []
  const rate = (when: string, x: Rate & {max?: number}) => {
    if (x.interval_minutes > 0) out.push({when, what: cost(x)})
    for (const s of x.steps ?? [] as Step[]) out.push({when: say(w.after, {length: long(s.after_minutes)}), what: cost(s)})
    if (x.max) out.push({when: w.bandMost, what: pay(x.max)})
  }
  const free = Math.max(t.free_minutes, t.consideration_minutes ?? 0)
  if (free > 0) out.push({when: say((t.consideration_minutes ?? 0) > t.free_minutes ? w.consider : w.free, {length: long(free)}), what: w.nothing})
  for (const e of t.events ?? []) rate(say(w.event, {from: moment(e.from, zone, r), to: moment(e.to, zone, r)}), e)
  for (const b of t.bands ?? []) rate(`${days(b.days, r.language)}, ${b.from} – ${b.to}`, b)
  rate(w.any, t)
  if (t.minimum) out.push({when: w.least, what: pay(t.minimum)})
  if (t.daily_max) out.push({when: t.day === 'rolling' ? w.rollingMost : w.dayMost, what: pay(t.daily_max)})
  for (const m of t.maxima ?? []) out.push({when: say(w.most, {length: long(m.hours * 60)}), what: pay(m.amount)})
  const factor = t.factors?.[type]
  if (factor !== undefined && factor !== 10_000) out.push({when: say(w.factor, {type: typeName}), what: say(w.ofPrice, {percent: percent(factor, r.language)})})
  if (t.exit_after_payment_minutes) out.push({when: w.pay, what: say(w.payOut, {length: long(t.exit_after_payment_minutes)})})
  return out
}

const moment = (iso: string, zone: string, r: Reading) => `${day(Date.parse(iso), zone, r)}, ${clock(Date.parse(iso), zone, r)}`

/** A line of a price in words, with its interval below. */
export const lineOf = (l: Line, zone: string, r: Reading): {label: string; note: string; amount: Line['amount']} =>
  ({label: lineText(l, r), note: interval(Date.parse(l.from), Date.parse(l.to), zone, r), amount: l.amount})

function interval(from: number, to: number, zone: string, r: Reading): string {
  const [a, b] = [day(from, zone, r), day(to - 1, zone, r)]
  return a === b ? `${a}, ${clock(from, zone, r)} – ${clock(to, zone, r)}` : `${a}, ${clock(from, zone, r)} – ${day(to, zone, r)}, ${clock(to, zone, r)}`
}
