// What a number of free spaces is called, and how many of five bays are drawn taken.
export type Level = 'plenty' | 'few' | 'full' | 'unknown'

/** Silent and impossible counters have no level but unknown: no figure is shown then. */
export function level(free: number | null | undefined, capacity: number | null | undefined): Level {
  if (free == null || capacity == null || !Number.isInteger(free) || free < 0 || capacity <= 0 || free > capacity) return 'unknown'
  if (free === 0) return 'full'
  return free < 10 || free < 0.12 * capacity ? 'few' : 'plenty'
}

/** Bays taken of five. Plenty never looks like few, nor few like full. */
export function bays(free: number | null | undefined, capacity: number | null | undefined): number {
  switch (level(free, capacity)) {
    case 'full': return 5
    case 'few': return 4
    case 'plenty': return Math.min(3, Math.floor(5 * (1 - (free ?? 0) / (capacity ?? 1))))
    default: return 0
  }
}
