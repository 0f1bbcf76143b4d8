// Between instants and what a date field and a time field hold: the wall clock of a parking.
import {DAY, HOUR, QUARTER, nextDay, offset, quarter, startOfDay} from '@shared/time/zone.ts'
import type {Frame, Window} from '@shared/kerb/kerb.ts'

export interface Wall { date: string; time: string }

/** "2026-06-13" and "08:00" of an instant. */
export function wallOf(t: number, zone: string): Wall {
  const text = new Date(t + offset(t, zone)).toISOString()
  return {date: text.slice(0, 10), time: text.slice(11, 16)}
}

/** A year that is only half typed (0002) is none. */
const FIRST = Date.parse('1000-01-01T00:00Z')

/** The instant of a date and a time; null if the fields hold none. A time that comes twice is the first, one that does not come is an hour later. */
export function instantOf(w: Wall, zone: string): number | null {
  const wall = Date.parse(`${w.date}T${w.time}Z`)
  if (!(wall >= FIRST)) return null
  // Both what was and what will be ahead of UTC near a change; the larger is the earlier instant.
  const ahead = [offset(wall - DAY, zone), offset(wall + DAY, zone)].sort((a, b) => b - a)
  for (const o of ahead) if (wall - o + offset(wall - o, zone) === wall) return wall - o
  return wall - Math.min(...ahead)
}

/** Another begin: the stay keeps its length, and does not begin before `least`. */
export function come(w: Window, t: number, zone: string, least: number): Window {
  const from = Math.max(quarter(t, zone), least)
  return {from, to: from + (w.to - w.from)}
}

/** Another end: a quarter after the begin at the earliest, and no longer than allowed. */
export function leave(w: Window, t: number, zone: string, maxStay = Infinity): Window {
  return {from: w.from, to: Math.min(Math.max(quarter(t, zone), w.from + QUARTER), w.from + maxStay)}
}

/** The same time of day, days later or earlier: over a change of the clocks, too. */
export function addDays(t: number, days: number, zone: string): number {
  const {date, time} = wallOf(t, zone)
  const day = new Date(Date.parse(`${date}T00:00Z`) + days * DAY).toISOString().slice(0, 10)
  return instantOf({date: day, time}, zone) ?? t + days * DAY
}

/** A window moved by days: both ends keep their time of day. */
export const shift = (w: Window, days: number, zone: string): Window => ({from: addDays(w.from, days, zone), to: addDays(w.to, days, zone)})

const floorHour = (t: number) => Math.floor(t / HOUR) * HOUR

/** The part of time that a kerb shows for a window: some hours around it; whole days when it spans several. */
export function fit(w: Window, now: number, zone: string): Frame {
  const stay = w.to - w.from
  const width = Math.max(14 * HOUR, Math.ceil((stay * 1.4 + 2 * HOUR) / HOUR) * HOUR)
  const begin = Math.max(floorHour(w.from - Math.min(2 * HOUR, (width - stay) / 3)), floorHour(now) - HOUR)
  if (width <= 40 * HOUR) return {begin, end: begin + width}
  const first = startOfDay(w.from, zone)
  return {begin: first, end: nextDay(first + width, zone)}
}

/** The frame as it may stay: it changes only when the window no longer lies well in it, so that nothing jumps under a finger. */
export function refit(f: Frame, w: Window, now: number, zone: string): Frame {
  const width = f.end - f.begin
  const well = w.from >= f.begin && w.to <= f.end - width * 0.04 && w.to - w.from >= Math.min(HOUR, width / 14) && now < w.from + width / 2
  const wide = width > 40 * HOUR && w.to - w.from < width / 4
  return well && !wide ? f : fit(w, now, zone)
}
