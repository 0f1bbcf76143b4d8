// How full a parking usually is, along the kerb. Pure.
import type {Schemas} from '@shared/app/api.ts'
import type {Frame} from '@shared/kerb/kerb.ts'
import {DAY, HOUR, offset} from '@shared/time/zone.ts'

export interface Bar {from: number; to: number; /** Percent of the spaces. */ level: number}

/** The hours of a frame of which something is known, by the parking's clock; none of a frame in which they would run together. */
export function bars(usual: Schemas['Usual'] | null, f: Frame, zone: string): Bar[] {
  const out: Bar[] = []
  if (!usual || f.end - f.begin > 8 * DAY) return out
  // Hours begin where the clock of the place says so, also where that is half an hour off.
  for (let t = f.begin - ((f.begin + offset(f.begin, zone)) % HOUR); t < f.end; t += HOUR) {
    const wall = new Date(t + offset(t, zone))
    const level = usual.days[(wall.getUTCDay() + 6) % 7]?.hours[wall.getUTCHours()] ?? null
    if (level !== null) out.push({from: Math.max(t, f.begin), to: Math.min(t + HOUR, f.end), level})
  }
  return out
}

/** The fullest of the hours that a window touches, the first of equals; null: of none something is known. */
export function fullest(all: readonly Bar[], w: {from: number; to: number}): Bar | null {
  return all.filter(b => b.to > w.from && b.from < w.to).reduce<Bar | null>((most, b) => (most && most.level >= b.level ? most : b), null)
}

/** About how many spaces that is. */
export const spaces = (level: number, capacity: number): number => { const n = (level * capacity) / 100; return capacity >= 100 ? Math.round(n / 5) * 5 : Math.round(n) }
