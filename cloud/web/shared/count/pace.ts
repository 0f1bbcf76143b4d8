// How often a number may move before the eyes, and be spoken.
export const SHOW = 1_000
export const SPEAK = 30_000

export interface Pace { value: number | null; shown: number; spoken: string; said: number }

export const still: Pace = {value: null, shown: -Infinity, spoken: '', said: -Infinity}

/** The next state for a wanted value, and how long until one more step is due (0: none). */
export function step(p: Pace, want: number | null, words: string, now: number): {pace: Pace; wait: number} {
  const next = {...p}
  let wait = 0
  if (want !== p.value) {
    if (now - p.shown >= SHOW) { next.value = want; next.shown = now } else wait = p.shown + SHOW - now
  }
  if (words !== p.spoken) {
    if (now - p.said >= SPEAK) { next.spoken = words; next.said = now } else wait = wait ? Math.min(wait, p.said + SPEAK - now) : p.said + SPEAK - now
  }
  return {pace: next, wait}
}
