// Web Mercator, as basemaps have it: the world is a square of side 1, 512 px wide at zoom 0.

export interface Place { lat: number; lon: number }
export interface Point { x: number; y: number }
export interface View { center: Place; zoom: number }
export interface Size { width: number; height: number }

const TILE = 512
export const LEAST = 3
export const MOST = 18
/** What the projection can show. */
const EDGE = 85

export const project = ({lat, lon}: Place): Point => {
  const s = Math.sin((Math.min(Math.max(lat, -EDGE), EDGE) * Math.PI) / 180)
  return {x: lon / 360 + 0.5, y: 0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI)}
}

export const unproject = ({x, y}: Point): Place => ({
  lat: (Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI, lon: (x - 0.5) * 360,
})

/** Pixels of the whole world. */
export const worldSize = (zoom: number): number => TILE * 2 ** zoom

/** Where a place lies, in pixels from the middle of the map. */
export function onMap(p: Place, v: View): Point {
  const a = project(p), c = project(v.center), w = worldSize(v.zoom)
  return {x: (a.x - c.x) * w, y: (a.y - c.y) * w}
}

/** The place so many pixels from the middle. */
export function placeAt(px: Point, v: View): Place {
  const c = project(v.center), w = worldSize(v.zoom)
  return unproject({x: c.x + px.x / w, y: c.y + px.y / w})
}

/** Metres of a pixel in the middle of the map. */
export const metresPerPixel = (v: View): number => (40_075_016.686 * Math.cos((v.center.lat * Math.PI) / 180)) / worldSize(v.zoom)

const bound = (z: number) => Math.min(Math.max(z, LEAST), MOST)

export function panned(v: View, dx: number, dy: number): View {
  const c = project(v.center), w = worldSize(v.zoom)
  return {zoom: v.zoom, center: unproject({x: Math.min(Math.max(c.x - dx / w, 0), 1), y: Math.min(Math.max(c.y - dy / w, 0.01), 0.99)})}
}

/** Nearer or farther, about a point that stays where it is. */
export function zoomed(v: View, by: number, about: Point = {x: 0, y: 0}): View {
  const zoom = bound(v.zoom + by)
  const fixed = project(placeAt(about, v)), w = worldSize(zoom)
  return {zoom, center: unproject({x: fixed.x - about.x / w, y: fixed.y - about.y / w})}
}

/** A view in which all places are seen, with room around them; not nearer than `most`. */
export function around(places: readonly Place[], size: Size, room = 70, most = 15.5): View | null {
  if (places.length === 0) return null
  const ps = places.map(project)
  const [x0, x1, y0, y1] = [Math.min(...ps.map(p => p.x)), Math.max(...ps.map(p => p.x)), Math.min(...ps.map(p => p.y)), Math.max(...ps.map(p => p.y))]
  const wide = Math.max(size.width - 2 * room, 80), high = Math.max(size.height - 2 * room, 80)
  const zoom = Math.min(Math.log2(wide / TILE / Math.max(x1 - x0, 1e-9)), Math.log2(high / TILE / Math.max(y1 - y0, 1e-9)), most)
  return {center: unproject({x: (x0 + x1) / 2, y: (y0 + y1) / 2}), zoom: bound(zoom)}
}

/** What is looked at first: the city with the most places, not the whole country. */
export function mainGroup<T extends Place & {city: string}>(places: readonly T[], reach = 30_000): T[] {
  let best: T[] = []
  const tried = new Set<string>()
  for (const at of places) {
    if (tried.has(at.city)) continue
    tried.add(at.city)
    const near = places.filter(p => metresBetween(at, p) < reach)
    if (near.length > best.length) best = near
  }
  return best
}

/** Metres between two places, on a ball. */
export function metresBetween(a: Place, b: Place): number {
  const r = Math.PI / 180
  const h = Math.sin(((b.lat - a.lat) * r) / 2) ** 2 + Math.cos(a.lat * r) * Math.cos(b.lat * r) * Math.sin(((b.lon - a.lon) * r) / 2) ** 2
  return 2 * 6_371_009 * Math.asin(Math.min(1, Math.sqrt(h)))
}

/** A round length in metres (1, 2 or 5 times a power of ten) that is at most so many pixels. */
export function roundLength(perPixel: number, pixels: number): number {
  const most = perPixel * pixels
  const ten = 10 ** Math.floor(Math.log10(most))
  return [5, 2, 1].map(n => n * ten).find(n => n <= most) ?? ten
}
