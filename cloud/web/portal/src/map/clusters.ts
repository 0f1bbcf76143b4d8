// Pins that would lie on one another become one that counts them. Where they are
// put together depends on the zoom alone, so moving the map changes no cluster.
import type {Place, Point} from './mercator.ts'
import {project, worldSize} from './mercator.ts'

export interface Pin extends Place {
  id: string; name: string; city: string
  free: number | null; capacity: number | null; sold: boolean
}

export interface Cluster extends Place {
  /** The ids of its pins, joined. */
  key: string
  pins: Pin[]
  /** The sum of what is known to be free; null if nothing is known. */
  free: number | null
  capacity: number | null
}

/** A pin takes so much of the map, in pixels, and a pile, which says of how many it is. It stands on its place. */
const PIN = {wide: 54, high: 50}, PILE = {wide: 68, high: 70}
const sizeOf = (c: Cluster) => (c.pins.length > 1 ? PILE : PIN)

/** Whether two that stand at these points cover one another: the lower one is in the way of what stands above it. */
export function covers(a: Cluster, p: Point, b: Cluster, q: Point): boolean {
  const lower = sizeOf(p.y > q.y ? a : b)
  return Math.abs(p.x - q.x) < (sizeOf(a).wide + sizeOf(b).wide) / 2 && Math.abs(p.y - q.y) < lower.high
}

/** Groups pins at a zoom, so that none covers another one. */
export function clusters(pins: readonly Pin[], zoom: number): Cluster[] {
  const w = worldSize(Math.floor(zoom * 2) / 2)
  // From north to south by place, so that the order in which the list comes changes nothing.
  let open = [...pins].sort((a, b) => b.lat - a.lat || a.lon - b.lon || (a.id < b.id ? -1 : 1)).map(p => sum([p]))
  const at = (c: Cluster): Point => { const q = project(c); return {x: q.x * w, y: q.y * w} }
  // What is put together lies elsewhere than its parts, and may meet another one there.
  for (let n = Infinity; open.length < n;) {
    n = open.length
    const next: {c: Cluster; at: Point}[] = []
    for (const c of open) {
      const here = at(c), i = next.findIndex(o => covers(o.c, o.at, c, here)), met = next[i]
      if (met) { const both = sum([...met.c.pins, ...c.pins]); next[i] = {c: both, at: at(both)} } else next.push({c, at: here})
    }
    open = next.map(o => o.c)
  }
  return open
}

function sum(pins: Pin[]): Cluster {
  const mean = (f: (p: Pin) => number) => pins.reduce((s, p) => s + f(p), 0) / pins.length
  const known = pins.filter(p => p.free !== null && p.capacity !== null && p.free >= 0 && p.free <= p.capacity)
  return {
    key: pins.map(p => p.id).join(' '), pins, lat: mean(p => p.lat), lon: mean(p => p.lon),
    free: known.length ? known.reduce((s, p) => s + (p.free ?? 0), 0) : null,
    capacity: known.length ? known.reduce((s, p) => s + (p.capacity ?? 0), 0) : null,
  }
}

/** The cities on the map and where their names stand: over the northernmost of their parkings. */
export function cities(pins: readonly Pin[]): (Place & {name: string; count: number})[] {
  const by = new Map<string, Pin[]>()
  for (const p of pins) if (p.city) by.set(p.city, [...(by.get(p.city) ?? []), p])
  return [...by].map(([name, ps]) => {
    return {name, lat: Math.max(...ps.map(p => p.lat)), lon: sum(ps).lon, count: ps.length}
  })
}
