import {expect, test} from 'vitest'
import {cities, clusters, type Pin} from './clusters.ts'
import {around, mainGroup, metresBetween, metresPerPixel, MOST, onMap, panned, placeAt, project, roundLength, unproject, zoomed, type View} from './mercator.ts'

const dresden: View = {center: {lat: 51.0503, lon: 13.7375}, zoom: 14}
const pin = (id: string, lat: number, lon: number, free: number | null, more: Partial<Pin> = {}): Pin => ({id, name: id, city: 'Dresden', lat, lon, free, capacity: 100, sold: true, ...more})

test('what is projected comes back', () => {
  for (const p of [{lat: 51, lon: 13}, {lat: -33.9, lon: 151.2}, {lat: 0, lon: 0}, {lat: 64.1, lon: -21.9}]) {
    const back = unproject(project(p))
    expect(back.lat).toBeCloseTo(p.lat, 9)
    expect(back.lon).toBeCloseTo(p.lon, 9)
    const px = placeAt(onMap(p, dresden), dresden)
    expect(px.lat).toBeCloseTo(p.lat, 6)
  }
})

test('pixels are as long as the ground says', () => {
  const east = placeAt({x: 100, y: 0}, dresden)
  expect(metresBetween(dresden.center, east) / (100 * metresPerPixel(dresden))).toBeCloseTo(1, 2)
})

test('zooming keeps the place under the pointer', () => {
  const at = {x: 120, y: -80}
  const before = placeAt(at, dresden), after = placeAt(at, zoomed(dresden, 1.5, at))
  expect(after.lat).toBeCloseTo(before.lat, 9)
  expect(after.lon).toBeCloseTo(before.lon, 9)
  expect(zoomed(dresden, 99).zoom).toBe(MOST)
})

test('panning moves the ground with the finger', () => {
  const moved = panned(dresden, 30, -20)
  const p = onMap(dresden.center, moved)
  expect([p.x, p.y].map(Math.round)).toEqual([30, -20])
})

test('all places are seen', () => {
  const places = [{lat: 51.04, lon: 13.73}, {lat: 51.06, lon: 13.76}]
  const v = around(places, {width: 800, height: 600})!
  for (const p of places) {
    const q = onMap(p, v)
    expect(Math.abs(q.x)).toBeLessThan(401 - 69)
    expect(Math.abs(q.y)).toBeLessThan(301 - 69)
  }
  expect(around([], {width: 800, height: 600})).toBeNull()
  expect(around([dresden.center], {width: 800, height: 600})?.zoom).toBe(15.5)
})

test('the city with the most parkings is looked at, not the whole country', () => {
  const all = [pin('c', 50.77, 6.08, 1, {city: 'Aachen'}), pin('a', 51.05, 13.73, 1), pin('b', 51.06, 13.74, 1)]
  expect(mainGroup(all).map(p => p.id)).toEqual(['a', 'b'])
  expect(mainGroup(all.slice(0, 2)).map(p => p.id)).toEqual(['c'])
  expect(mainGroup([])).toEqual([])
})

test('pins that meet become one with their sum; the unknown adds nothing', () => {
  const pins = [pin('a', 51.05, 13.7375, 10), pin('b', 51.0501, 13.7376, 5), pin('c', 51.05, 13.7377, null), pin('d', 51.06, 13.76, 7)]
  const got = clusters(pins, 14)
  expect(got.map(c => [c.pins.length, c.free, c.capacity])).toEqual([[1, 7, 100], [3, 15, 200]])
  expect(clusters(pins, 18).length).toBe(4)
})

test('nothing known is no sum', () => {
  const [c] = clusters([pin('a', 51.05, 13.7375, null), pin('b', 51.0501, 13.7376, null), pin('c', 51.0501, 13.7376, 900)], 14)
  expect(c?.free).toBeNull()
})

test('no cluster covers another one, at any zoom', () => {
  const pins = Array.from({length: 60}, (_, i) => pin(`p${i}`, 51.03 + ((i * 37) % 60) / 1200, 13.70 + ((i * 23) % 60) / 700, i))
  for (let zoom = 8; zoom < 17; zoom += 0.3) {
    const at = clusters(pins, zoom).map(c => ({...onMap(c, {...dresden, zoom}), wide: c.pins.length > 1 ? 67.9 : 53.9, high: c.pins.length > 1 ? 69.9 : 49.9}))
    at.forEach((a, i) => at.slice(i + 1).forEach(b => expect(Math.abs(a.x - b.x) >= (a.wide + b.wide) / 2 || Math.abs(a.y - b.y) >= (a.y > b.y ? a : b).high).toBe(true)))
  }
})

test('clusters are the same in whatever order the list comes', () => {
  const pins = [pin('a', 51.05, 13.7375, 10), pin('b', 51.0501, 13.7376, 5), pin('c', 51.052, 13.74, 1), pin('d', 51.053, 13.741, 2)]
  expect(clusters([...pins].reverse(), 13)).toEqual(clusters(pins, 13))
})

test('the name of a city stands over its parkings', () => {
  const [c] = cities([pin('a', 51, 13, 1), pin('b', 52, 14, 1)])
  expect(c).toEqual({name: 'Dresden', lat: 52, lon: 13.5, count: 2})
})

test('round lengths', () => {
  expect([[1, 120], [4.1, 120], [0.3, 100], [9, 100]].map(([m, p]) => roundLength(m!, p!))).toEqual([100, 200, 20, 500])
})
