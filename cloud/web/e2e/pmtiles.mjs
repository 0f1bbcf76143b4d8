// A basemap in small, made here: a river, a park and some streets in one tile of Dresden,
// in the layers of the Protomaps kind, packed as PMTiles 3.
import {zxyToTileId} from 'pmtiles'

const Z = 10
const EXTENT = 4096

function varint(n) {
  const out = []
  for (; n > 127; n = Math.floor(n / 128)) out.push((n % 128) | 128)
  return [...out, n]
}
const field = (tag, bytes) => [...varint(tag * 8 + 2), ...varint(bytes.length), ...bytes]
const number = (tag, n) => [...varint(tag * 8), ...varint(n)]
const text = (tag, s) => field(tag, [...new TextEncoder().encode(s)])
const zigzag = n => (n < 0 ? -2 * n - 1 : 2 * n)

const world = ([lat, lon]) => {
  const s = Math.sin(lat * Math.PI / 180)
  return [(lon / 360 + 0.5) * 2 ** Z, (0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI)) * 2 ** Z]
}
const tile = world([51.05, 13.7375]).map(Math.floor)
const inTile = p => world(p).map((n, i) => Math.round((n - tile[i]) * EXTENT))

function geometry(points, closed) {
  let [x, y] = [0, 0]
  const out = []
  points.map(inTile).forEach(([px, py], i) => {
    if (i === 0) out.push(1 | (1 << 3))
    if (i === 1) out.push(2 | ((points.length - 1) << 3))
    out.push(zigzag(px - x), zigzag(py - y))
    ;[x, y] = [px, py]
  })
  if (closed) out.push(7 | (1 << 3))
  return out.flatMap(varint)
}

function layer(name, features) {
  const keys = [], values = []
  const at = (list, v) => { if (!list.includes(v)) list.push(v); return list.indexOf(v) }
  const encoded = features.map(f => field(2, [
    ...field(2, Object.entries(f.tags).flatMap(([k, v]) => [...varint(at(keys, k)), ...varint(at(values, v))])),
    ...number(3, f.closed ? 3 : 2), ...field(4, geometry(f.points, f.closed)),
  ]))
  return field(3, [...text(1, name), ...encoded.flat(), ...keys.flatMap(k => text(3, k)), ...values.flatMap(v => field(4, text(1, v))), ...number(5, EXTENT), ...number(15, 2)])
}

/** The file's bytes. */
export function basemap() {
  const data = Uint8Array.from([
    ...layer('water', [{tags: {kind: 'river', name: 'Elbe'}, closed: true, points: [[51.063, 13.70], [51.057, 13.735], [51.054, 13.75], [51.056, 13.78], [51.058, 13.78], [51.0565, 13.75], [51.0595, 13.735], [51.066, 13.70]]}]),
    ...layer('landuse', [{tags: {kind: 'park'}, closed: true, points: [[51.045, 13.75], [51.035, 13.78], [51.03, 13.76], [51.04, 13.745]]}]),
    ...layer('roads', [
      {tags: {kind: 'major_road', name: 'Wilsdruffer Straße'}, points: [[51.0505, 13.725], [51.0507, 13.735], [51.0508, 13.747]]},
      {tags: {kind: 'major_road', name: 'St. Petersburger Straße'}, points: [[51.056, 13.745], [51.049, 13.744], [51.041, 13.735]]},
      {tags: {kind: 'minor_road', name: 'Prager Straße'}, points: [[51.049, 13.737], [51.041, 13.733]]},
      {tags: {kind: 'rail'}, points: [[51.04, 13.71], [51.041, 13.732], [51.036, 13.76]]},
    ]),
  ])
  const meta = new TextEncoder().encode(JSON.stringify({vector_layers: ['water', 'landuse', 'roads', 'places', 'buildings'].map(id => ({id, fields: {}}))}))
  const directory = Uint8Array.from([1, zxyToTileId(Z, ...tile), 1, data.length, 1].flatMap(varint)) // entries, id, run, length, offset + 1
  const head = new DataView(new ArrayBuffer(127))
  'PMTiles'.split('').forEach((c, i) => head.setUint8(i, c.charCodeAt(0)))
  head.setUint8(7, 3)
  const rootAt = 127, metaAt = rootAt + directory.length, dataAt = metaAt + meta.length
  ;[rootAt, directory.length, metaAt, meta.length, dataAt, 0, dataAt, data.length, 1, 1, 1].forEach((n, i) => head.setBigUint64(8 + 8 * i, BigInt(n), true))
  ;[1, 1, 1, 1, Z, Z].forEach((n, i) => head.setUint8(96 + i, n)) // clustered, not compressed, vector tiles, from and to zoom
  ;[13.3, 50.8, 14.1, 51.2].forEach((n, i) => head.setInt32(102 + 4 * i, Math.round(n * 1e7), true))
  head.setUint8(118, Z)
  return Buffer.concat([Buffer.from(head.buffer), directory, meta, data])
}
