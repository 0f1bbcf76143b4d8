// Times are instants; what is shown and chosen is the clock of the parking.

export const QUARTER = 15 * 60_000
export const HOUR = 60 * 60_000
export const DAY = 24 * HOUR

export const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC'

const formats = new Map()
function format(zone, options) {
  const key = zone + JSON.stringify(options)
  if (!formats.has(key)) {
    let f
    try { f = new Intl.DateTimeFormat('en-GB', {...options, timeZone: zone}) } catch { f = new Intl.DateTimeFormat('en-GB', {...options, timeZone: 'UTC'}) }
    formats.set(key, f)
  }
  return formats.get(key)
}

export const clock = (t, zone) => format(zone, {hour: '2-digit', minute: '2-digit', hourCycle: 'h23'}).format(t)
export const clockSeconds = (t, zone) => format(zone, {hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23'}).format(t)
export const day = (t, zone) => format(zone, {weekday: 'short', day: 'numeric', month: 'long'}).format(t).replace(',', '')
export const shortDay = (t, zone) => format(zone, {weekday: 'short'}).format(t)
export const sameDay = (a, b, zone) => day(a, zone) === day(b, zone)

/** "Thu 13 June, 08:00 – 17:00" */
export function span(from, to, zone) {
  const end = sameDay(from, to - 1, zone) ? clock(to, zone) : `${shortDay(to, zone)} ${clock(to, zone)}`
  return `${day(from, zone)}, ${clock(from, zone)} – ${end}`
}

/** "2 h", "45 min", "1 d 3 h" */
export function length(ms) {
  const m = Math.round(ms / 60_000)
  const parts = [[Math.floor(m / 1440), 'd'], [Math.floor(m / 60) % 24, 'h'], [m % 60, 'min']]
  return parts.filter(p => p[0] > 0).map(p => p.join(' ')).join(' ') || '0 min'
}

/** Offset of a zone at an instant, in ms. */
function offset(t, zone) {
  const parts = Object.fromEntries(format(zone, {
    year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric', hourCycle: 'h23',
  }).formatToParts(t).map(p => [p.type, p.value]))
  return Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute, parts.second) - Math.floor(t / 1000) * 1000
}

/** What an <input type=datetime-local> shows for an instant. */
export const toInput = (t, zone) => new Date(t + offset(t, zone)).toISOString().slice(0, 16)

/** The instant that is meant by such a text; NaN for none. */
export function fromInput(text, zone) {
  const wall = Date.parse(text + 'Z')
  if (Number.isNaN(wall)) return NaN
  const first = wall - offset(wall, zone)
  return wall - offset(first, zone) // once more, for the hours around a change of the clock
}

export const quarterUp = t => Math.ceil(t / QUARTER) * QUARTER
export const quarter = t => Math.round(t / QUARTER) * QUARTER

/** An amount as people write it. */
export function money(a) {
  if (!a) return ''
  const f = new Intl.NumberFormat('en-IE', {style: 'currency', currency: a.currency})
  return f.format(a.minor / 10 ** f.resolvedOptions().maximumFractionDigits).replace('-', '−')
}
