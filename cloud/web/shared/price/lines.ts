// The lines of a price in the reader's words, from the rule and the figures that the API
// gives. Its label is English; it is shown where the rule is not known here, or where the
// line was kept by a version that had no figures.
import {length, money, number, type Language, type Reading} from '../format/format.ts'
import {fill} from '../i18n/say.ts'
import type {Amount} from './sum.ts'

/** A line as quotes, reservations and receipts have it. */
export interface Line {
  rule: string
  label: string
  from: string
  to: string
  amount: Amount
  id?: string
  quantity?: number
  minutes?: number
  rate?: number
  days?: number
}

const en = {
  rate: '{n} × {length} at {rate}', hours: '{n} h at {rate}', perMinute: '{n} min at {rate} for {length}', day: 'Day maximum {rate}', most: 'At most {rate} in {length}', band: 'At most {rate}', least: 'At least {rate}',
  free: 'Up to {length} free', consider: 'Gone again within {length}', factor: '{percent} of the price for this kind of space', demand: 'Demand: {percent} of the price',
  before: 'Charged before, for the stay that this one goes on with', days: '{n} days',
}
const de: typeof en = {
  rate: '{n} × {length} zu {rate}', hours: '{n} h zu {rate}', perMinute: '{n} min zu {rate} für {length}', day: 'Tageshöchstpreis {rate}', most: 'Höchstens {rate} in {length}', band: 'Höchstens {rate}', least: 'Mindestens {rate}',
  free: 'Bis {length} frei', consider: 'Binnen {length} wieder weg', factor: '{percent} des Preises für diese Art Platz', demand: 'Nachfrage: {percent} des Preises',
  before: 'Schon berechnet, für den Aufenthalt davor', days: '{n} Tage',
}
const all: Record<Language, typeof en> = {en, de}

/** "19 %", "7.75 %". */
export const percent = (basisPoints: number, language: Language): string => `${number(basisPoints / 100, language)} %`

/** What a line says. */
export function lineText(l: Line, r: Reading): string {
  const w = all[r.language]
  const key = keyOf(l)
  if (!key) return l.label
  const text = fill(w[key], {
    n: String(l.quantity ?? 0), length: length((l.minutes ?? 0) * 60_000, r.language),
    rate: money({minor: l.rate ?? 0, currency: l.amount.currency}, r.language), percent: percent(l.rate ?? 0, r.language),
  })
  const name = l.id && l.rule !== 'factor' ? `${l.id}: ` : ''
  return `${name}${text}${(l.days ?? 0) > 1 ? `, ${fill(w.days, {n: String(l.days)})}` : ''}`
}

function keyOf(l: Line): keyof typeof en | null {
  const {minutes = 0, quantity = 0, rate} = l
  switch (l.rule) {
    case 'rate': return quantity && minutes ? (minutes === 60 ? 'hours' : 'rate') : null
    case 'per_minute': return quantity && minutes ? 'perMinute' : null
    case 'free_minutes': return minutes ? 'free' : null
    case 'consideration': return minutes ? 'consider' : null
    case 'band_max': return rate === undefined ? null : 'band'
    case 'daily_max': return rate === undefined ? null : minutes ? 'most' : 'day'
    case 'maximum': return rate === undefined || !minutes ? null : 'most'
    case 'minimum': return rate === undefined ? null : 'least'
    case 'factor': return rate === undefined ? null : 'factor'
    case 'demand': return rate === undefined ? null : 'demand'
    case 'charged_before': return 'before'
    default: return null
  }
}
