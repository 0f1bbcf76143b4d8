// Times are instants in ms; what is shown and chosen is the clock of the parking.

export const MINUTE = 60_000
export const QUARTER = 15 * MINUTE
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

const formats = new Map<string, Intl.DateTimeFormat>()

/** A formatter, made once. An unknown zone is read as UTC. */
export function formatter(locale: string, zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale} ${zone} ${JSON.stringify(options)}`
  let f = formats.get(key)
  if (!f) {
    try {
      f = new Intl.DateTimeFormat(locale, {...options, timeZone: zone})
    } catch {
      f = new Intl.DateTimeFormat(locale, {...options, timeZone: 'UTC'})
    }
    formats.set(key, f)
  }
  return f
}

/** What a zone's clock is ahead of UTC at an instant, in ms. */
export function offset(t: number, zone: string): number {
  const f = formatter('en-GB', zone, {year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric', hourCycle: 'h23'})
  const p: Record<string, number> = {}
  for (const {type, value} of f.formatToParts(t)) p[type] = Number(value)
  return Date.UTC(p.year ?? 0, (p.month ?? 1) - 1, p.day, p.hour, p.minute, p.second) - Math.floor(t / 1000) * 1000
}

/** Whether the zone's clock shows this time twice: the hour in which summer ends. */
export function isTwice(t: number, zone: string): boolean {
  const wall = t + offset(t, zone)
  // Clocks go back by an hour, on Lord Howe Island by half of one.
  return [HOUR, -HOUR, HOUR / 2, -HOUR / 2].some(d => t + d + offset(t + d, zone) === wall)
}

/** The nearest quarter of the zone's clock. */
export function quarter(t: number, zone: string): number {
  const o = offset(t, zone)
  return Math.round((t + o) / QUARTER) * QUARTER - o
}

/** The begin of the zone's day in which t lies. */
export function startOfDay(t: number, zone: string): number {
  const wall = Math.floor((t + offset(t, zone)) / DAY) * DAY
  const first = wall - offset(t, zone)
  return wall - offset(first, zone)
}

/** The begin of the zone's next day: 23, 24 or 25 hours on. */
export const nextDay = (t: number, zone: string): number => startOfDay(startOfDay(t, zone) + 30 * HOUR, zone)
