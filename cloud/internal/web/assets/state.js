// What the page remembers: the chosen time for this tab, the bookings of this
// device.

import {QUARTER, HOUR, DAY, quarterUp, ownZone} from './time.js'

const read = (where, key, otherwise) => {
  try { return JSON.parse(where.getItem(key)) ?? otherwise } catch { return otherwise }
}
const write = (where, key, value) => {
  try { where.setItem(key, JSON.stringify(value)) } catch { /* storage is full or forbidden: it works without, for this tab */ }
}

const chosen = {...fresh(), ...read(sessionStorage, 'openlot.window', {})}

// The next quarter: whoever drives up at once is not too early for the gate.
function fresh() {
  const from = quarterUp(Date.now())
  return {from, to: from + 2 * HOUR}
}

/** The chosen window; a past one is moved, so that it can be sold. */
export function window() {
  const first = Math.floor(Date.now() / QUARTER) * QUARTER
  if (!(chosen.from >= first && chosen.to > chosen.from)) {
    const long = Math.min(Math.max(chosen.to - chosen.from || 0, QUARTER), 30 * DAY)
    chosen.from = fresh().from
    chosen.to = chosen.from + (chosen.to > chosen.from ? long : 2 * HOUR)
  }
  return {from: chosen.from, to: chosen.to}
}

export function choose(from, to) {
  chosen.from = from
  chosen.to = to
  write(sessionStorage, 'openlot.window', {from, to})
}

/** The clock that times are shown in: that of the parkings that are looked at. */
let zone = ownZone
export const zoneNow = () => zone
export const lookAt = z => { zone = z || ownZone }

export const search = read(sessionStorage, 'openlot.search', {text: '', city: '', near: null, type: 'standard'})
export const saveSearch = () => write(sessionStorage, 'openlot.search', search)

export const driver = read(localStorage, 'openlot.driver', {email: '', plate: '', phone: ''})
export const saveDriver = () => write(localStorage, 'openlot.driver', driver)

/** Bookings of this device, newest first: {id, token, parking: {id, name, timezone}, reservation, qr} */
export const bookings = () => read(localStorage, 'openlot.bookings', [])
export const booking = id => bookings().find(b => b.id === id)
export function keep(b) {
  const rest = bookings().filter(x => x.id !== b.id)
  write(localStorage, 'openlot.bookings', [{...booking(b.id), ...b}, ...rest].slice(0, 50))
}
export const forget = id => write(localStorage, 'openlot.bookings', bookings().filter(x => x.id !== id))

/** A random text that makes sending a request again safe. */
export const freshKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), b => b.toString(16).padStart(2, '0')).join('')
