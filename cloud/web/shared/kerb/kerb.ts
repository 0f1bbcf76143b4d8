// The rules of the kerb: where a time lies on it, and what a grip may do. All
// of it reckons with instants, so a day of 23 or 25 hours needs no exception.
import type {Language} from '../format/format.ts'
import {DAY, HOUR, QUARTER, formatter, isTwice, offset, quarter} from '../time/zone.ts'

export interface Frame { begin: number; end: number }
export interface Window { from: number; to: number }
export type Grip = 'from' | 'to'
export interface Limits { zone: string; least: number; most: number; maxStay?: number }

/** Where an instant lies, in percent of the kerb. */
export const place = (t: number, f: Frame): number => ((t - f.begin) / (f.end - f.begin)) * 100

/** The instant at a share (0 to 1) of the kerb. */
export const instant = (share: number, f: Frame): number => f.begin + share * (f.end - f.begin)

/** Moves one grip to an instant. It snaps to quarters, keeps a quarter between the grips and stays in the limits. */
export function move(w: Window, grip: Grip, to: number, l: Limits): Window {
  const t = Math.min(Math.max(quarter(to, l.zone), l.least), l.most)
  const max = l.maxStay ?? Infinity
  if (grip === 'from') {
    const from = Math.min(t, l.most - QUARTER)
    return {from, to: Math.min(Math.max(w.to, from + QUARTER), from + max)}
  }
  const end = Math.max(t, l.least + QUARTER)
  return {from: Math.max(Math.min(w.from, end - QUARTER), end - max), to: end}
}

const steps: Record<string, number> = {
  ArrowRight: QUARTER, ArrowUp: QUARTER, ArrowLeft: -QUARTER, ArrowDown: -QUARTER, PageUp: HOUR, PageDown: -HOUR,
}

/** What a key does to a grip; null if it does nothing. */
export function key(w: Window, grip: Grip, name: string, l: Limits): Window | null {
  if (name === 'Home') return move(w, grip, l.least, l)
  if (name === 'End') return move(w, grip, l.most, l)
  const by = steps[name]
  return by === undefined ? null : move(w, grip, w[grip] + by, l)
}

export interface Mark { at: number; text: string }

/** The labels below: full hours of the zone's clock, at most eight or so. An hour that comes twice is A and B. */
export function marks(f: Frame, zone: string, hour12 = false, language: Language = 'en'): Mark[] {
  const every = [1, 2, 3, 4, 6, 12, 24].find(n => (f.end - f.begin) / (n * HOUR) <= 8) ?? 24
  const h = formatter(hour12 ? 'en-US' : 'en-GB', zone, hour12 ? {hour: 'numeric', hour12: true} : {hour: '2-digit', hourCycle: 'h23'})
  const day = formatter(language === 'de' ? 'de-DE' : 'en-GB', zone, {day: '2-digit', month: '2-digit'})
  const many = f.end - f.begin > 8 * 24 * HOUR ? Math.ceil((f.end - f.begin) / (8 * 24 * HOUR)) : 1
  const out: Mark[] = []
  let days = 0
  for (let t = Math.ceil(f.begin / QUARTER) * QUARTER; t <= f.end; t += QUARTER) {
    const wall = t + offset(t, zone)
    if (wall % HOUR !== 0 || (wall / HOUR) % every !== 0) continue
    if (every === 24 && days++ % many !== 0) continue
    // Over several days the midnights say which day begins.
    let text = every === 24 || (wall % DAY === 0 && f.end - f.begin > 36 * HOUR) ? day.format(t) : h.format(t)
    if (every < 24 && isTwice(t, zone)) text += out.some(m => m.text === text + 'A') ? 'B' : 'A'
    out.push({at: place(t, f), text})
  }
  return out
}

/** Quarters on the kerb, for its ticks; hours when those would run together. */
export function ticks(f: Frame): number {
  const n = (f.end - f.begin) / QUARTER
  return n > 120 ? n / 4 : n
}
