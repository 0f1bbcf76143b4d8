// The chosen time: quarters, never past, so that it can be sold.
import {DAY, HOUR, QUARTER} from '@shared/time/zone.ts'
import type {Window} from '@shared/kerb/kerb.ts'

/** The next quarter and two hours: whoever drives up at once is not too early for the gate. */
export function fresh(now: number): Window {
  const from = Math.ceil(now / QUARTER) * QUARTER
  return {from, to: from + 2 * HOUR}
}

/** The window as it can still be asked for: one that has become past moves to now and keeps its length. */
export function sellable(w: Window, now: number): Window {
  const first = Math.floor(now / QUARTER) * QUARTER
  if (w.from >= first && w.to > w.from) return w
  const {from} = fresh(now)
  return w.to > w.from ? {from, to: from + Math.min(Math.max(w.to - w.from, QUARTER), 30 * DAY)} : fresh(now)
}
