// The rules of the list: what a row says, and in which order rows stand.
import {level, type Level} from '@shared/availability/level.ts'
import type {Schemas} from '@shared/app/api.ts'
import {around, mainGroup, metresBetween} from '../map/mercator.ts'
import type {Search} from '../search.svelte.ts'

export type Parking = Schemas['Parking']
export type Sort = Search['sort']

/** 80 m of way in a minute; a way is a quarter longer than the straight line. */
const STRAIGHT_PER_MINUTE = 64

/** Minutes on foot over a straight distance in metres. */
export const minutesOnFoot = (metres: number): number => Math.max(1, Math.round(metres / STRAIGHT_PER_MINUTE))

/** The straight distance that so many minutes on foot cover. */
export const metresIn = (minutes: number): number => minutes * STRAIGHT_PER_MINUTE

/** How far one may want to walk: minutes, as the radius that the API takes. */
export const walks = [5, 10, 15, 30] as const

/** "640 m", "2.4 km", "31 km" in a language's figures. */
export function far(metres: number, format: (n: number, digits: number) => string): string {
  if (metres < 950) return `${format(Math.round(metres / 10) * 10, 0)} m`
  return metres < 20_000 ? `${format(metres / 1000, 1)} km` : `${format(Math.round(metres / 1000), 0)} km`
}

export interface Numbers {
  /** For the window; null: not known, or not sold. */
  free: number | null
  /** At the gate now; null: not known. */
  now: number | null
  capacity: number | null
  level: Level
  /** Whether spaces of it can be reserved at all. */
  sold: boolean
}

/** The numbers of a parking for a kind of space. */
export function numbers(p: Parking, type: string): Numbers {
  const t = p.space_types.find(s => s.type === type)
  const sold = p.capacity !== null && p.space_types.length > 0
  const capacity = t ? t.capacity : p.capacity
  const free = sold ? (t?.available ?? p.available ?? null) : null
  return {free, now: t ? t.available_now : p.available_now, capacity, level: level(free, capacity), sold}
}

/** How many of the rows have room for the window. */
export const withRoom = (rows: readonly Parking[], type: string): number => rows.filter(p => (numbers(p, type).free ?? 0) > 0).length

/** How well what was typed fits a parking's name: 0 begins with it, 1 one of its words does, 2 it is found elsewhere (such as in the address). */
export function fits(p: Parking, text: string): number {
  const plain = (s: string) => s.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase().trim()
  const name = plain(p.name), wanted = plain(text)
  if (!wanted || name.startsWith(wanted)) return 0
  return name.split(/[^\p{L}\p{N}]+/u).some(word => word.startsWith(wanted)) ? 1 : 2
}

/**
 * The ids in the order that is asked for. What has no figure stands last; equals keep the server's order. The best
 * match is the name that fits what was typed best, and among equals one that has room for the time; where nothing was
 * typed, the equals begin in the middle of what the map first shows.
 */
export function order(rows: readonly Parking[], sort: Sort, type: string, text = ''): string[] {
  const key = (p: Parking): number => {
    const n = numbers(p, type)
    switch (sort) {
      case 'price': return p.price && n.free !== 0 ? p.price.minor : Infinity
      case 'available': return n.free === null ? 1 : -n.free
      case 'distance': return p.distance_m ?? Infinity
      default: return 3 * fits(p, text) + (n.free === null ? 1 : n.free === 0 ? 2 : 0)
    }
  }
  const places = sort === 'relevance' && !text.trim() ? rows.map(p => ({city: p.city, lat: p.latitude, lon: p.longitude})) : []
  const middle = around(mainGroup(places), {width: 1, height: 1})?.center
  const away = (i: number): number => { const p = places[i]; return middle && p ? Math.round(metresBetween(middle, p)) : 0 }
  return rows.map((p, i) => ({id: p.id, key: key(p), away: away(i), i})).sort((a, b) => a.key === b.key ? a.away - b.away || a.i - b.i : a.key < b.key ? -1 : 1).map(r => r.id)
}

/** After the line was lost the same list comes again: rows that are still there keep their places. */
export function keepPlaces(shown: readonly string[], fresh: readonly string[]): string[] {
  const there = new Set(fresh), before = new Set(shown)
  return [...shown.filter(id => there.has(id)), ...fresh.filter(id => !before.has(id))]
}

/** Takes changes into the rows; an older version of a parking never replaces a newer one. Rows that are not shown are left out. */
export function merge(rows: ReadonlyMap<string, Parking>, changes: readonly (Partial<Parking> & {id: string})[]): Map<string, Parking> {
  const out = new Map(rows)
  for (const c of changes) {
    const old = out.get(c.id)
    if (!old || (c.version !== undefined && c.version <= old.version)) continue
    // What only a parking with opening hours has is told with each change: left out, it has none any more.
    const {opens_at: _, closed_then: __, ...rest} = old
    out.set(c.id, {...rest, ...c})
  }
  return out
}

/** The newest time at which any gate's numbers were right, in ms; null if no gate answers. */
export function newest(rows: Iterable<Parking>): number | null {
  let at = -Infinity
  for (const p of rows) if (p.status !== 'unknown') at = Math.max(at, Date.parse(p.as_of))
  return Number.isFinite(at) ? at : null
}

/** What is said instead of an empty list: those with room, the nearest (or first) three. */
export const alternatives = (rows: readonly Parking[], type: string): Parking[] => rows.filter(p => (numbers(p, type).free ?? 0) > 0).slice(0, 3)

/** "51.0503,13.7375" of a place: some ten metres are exact enough, and tell less of where somebody is. */
export const position = (lat: number, lon: number): string => `${lat.toFixed(4)},${lon.toFixed(4)}`

/** A position that somebody typed or pasted, such as "51.0503, 13.7375" or "51,0503; 13,7375"; empty if it is none. */
export function typed(text: string): string {
  const m = /^\s*(-?\d{1,2}(?:\.\d+)?)°?\s*[,;\s]\s*(-?\d{1,3}(?:\.\d+)?)°?\s*$/.exec(text) ?? /^\s*(-?\d{1,2},\d+)\s*[;\s]\s*(-?\d{1,3},\d+)\s*$/.exec(text)
  const [lat, lon] = [Number(m?.[1]?.replace(',', '.')), Number(m?.[2]?.replace(',', '.'))]
  return Math.abs(lat) <= 90 && Math.abs(lon) <= 180 ? position(lat, lon) : ''
}

/** A position as numbers; null if it is none. */
export function placeOf(near: string): {lat: number; lon: number} | null {
  const [lat, lon, more] = near.split(',').map(Number)
  return lat !== undefined && lon !== undefined && more === undefined && Math.abs(lat) <= 90 && Math.abs(lon) <= 180 ? {lat, lon} : null
}

/** "At most so much", as it is kept: minor units and their currency; empty: any price. */
export const atMost = (minor: number, currency: string): string => `${minor} ${currency}`
export function mostOf(kept: string): {minor: number; currency: string} | null {
  const m = /^(\d{1,9}) ([A-Z]{3})$/.exec(kept)
  return m ? {minor: Number(m[1]), currency: m[2] ?? ''} : null
}

/** Round prices between the cheapest and the dearest of the rows, in the currency that most of them have. */
export function priceSteps(rows: readonly Parking[]): {minor: number; currency: string}[] {
  const of = new Map<string, number[]>()
  for (const p of rows) if (p.price) of.set(p.price.currency, [...(of.get(p.price.currency) ?? []), p.price.minor])
  const [currency, all] = [...of].sort((a, b) => b[1].length - a[1].length)[0] ?? ['', []]
  const low = Math.min(...all), high = Math.max(...all)
  const round = [1, 10, 100, 1000, 10_000, 100_000].flatMap(ten => [1, 2, 3, 5, 8].map(n => n * ten))
  return round.filter(n => n >= low && n < high).map(minor => ({minor, currency}))
}

/** The cheapest three that have room, in the money that most of them have: what is shown when all are dearer than asked for. */
export function cheapest(rows: readonly Parking[], type: string): Parking[] {
  const free = rows.filter(p => p.price && (numbers(p, type).free ?? 0) > 0)
  const count = (currency: string) => free.filter(p => p.price?.currency === currency).length
  const [most] = [...new Set(free.map(p => p.price?.currency ?? ''))].sort((a, b) => count(b) - count(a))
  return free.filter(p => p.price?.currency === most).sort((a, b) => (a.price?.minor ?? 0) - (b.price?.minor ?? 0)).slice(0, 3)
}

/** The rows that cost at most so much. One whose price is not known, or is in other money, stays: it is counted, for the page to say so. */
export function affordable(rows: readonly Parking[], kept: string): {rows: readonly Parking[]; unpriced: number; dearer: number} {
  const most = mostOf(kept)
  if (!most) return {rows, unpriced: 0, dearer: 0}
  const known = (p: Parking) => p.price != null && p.price.currency === most.currency
  const stay = rows.filter(p => !known(p) || (p.price?.minor ?? 0) <= most.minor)
  return {rows: stay, unpriced: stay.filter(p => !known(p)).length, dearer: rows.length - stay.length}
}
