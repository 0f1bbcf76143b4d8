import {expect, test} from 'vitest'
import {affordable, alternatives, cheapest, far, keepPlaces, merge, metresIn, minutesOnFoot, newest, numbers, order, placeOf, position, priceSteps, typed, withRoom, type Parking} from './rules.ts'

const parking = (id: string, more: Partial<Parking> = {}): Parking => ({
  id, name: id, address: '', city: 'Dresden', latitude: 51, longitude: 13, timezone: 'Europe/Berlin', kind: 'underground', capacity: 100,
  status: 'open', available_now: 40, as_of: '2026-06-13T06:00:00Z', version: 5, price_from: null, available: 30,
  space_types: [{type: 'standard', capacity: 90, available_now: 36, available: 27}], ...more,
})

test('a row shows the numbers of the chosen kind of space', () => {
  expect(numbers(parking('a'), 'standard')).toEqual({free: 27, now: 36, capacity: 90, level: 'plenty', sold: true})
})

test('a parking whose spaces are not known is not sold and has no figure', () => {
  expect(numbers(parking('a', {capacity: null, space_types: [], available: null, available_now: null}), 'standard')).toMatchObject({free: null, sold: false, level: 'unknown'})
})

test('more free than there are is no figure', () => {
  expect(numbers(parking('a', {space_types: [{type: 'standard', capacity: 5, available_now: 9, available: 9}]}), 'standard').level).toBe('unknown')
})

test('the order that is asked for; what has no figure stands last, equals keep their places', () => {
  const eur = (minor: number) => ({minor, currency: 'EUR'})
  const rows = [
    parking('dear', {price: eur(900), distance_m: 100}), parking('none', {price: null}), parking('cheap', {price: eur(300), distance_m: 300}),
    parking('full', {price: eur(100), distance_m: 50, space_types: [{type: 'standard', capacity: 90, available_now: 0, available: 0}]}),
    parking('also', {price: eur(300), distance_m: 200}),
  ]
  expect(order(rows, 'relevance', 'standard')).toEqual(['dear', 'none', 'cheap', 'also', 'full'])
  expect(order(rows, 'price', 'standard')).toEqual(['cheap', 'also', 'dear', 'none', 'full'])
  expect(order(rows, 'distance', 'standard')).toEqual(['full', 'dear', 'also', 'cheap', 'none'])
  expect(order(rows, 'available', 'standard').at(-1)).toBe('full')
})

test('a list that comes again does not move what is shown', () => {
  expect(keepPlaces(['c', 'a', 'b'], ['a', 'b', 'c', 'd'])).toEqual(['c', 'a', 'b', 'd'])
  expect(keepPlaces(['c', 'a'], ['a', 'b'])).toEqual(['a', 'b'])
})

test('changes are taken if they are newer, and only into rows that are shown', () => {
  const rows = new Map([['a', parking('a')]])
  expect(merge(rows, [{id: 'a', version: 6, available: 1}, {id: 'z', version: 1}]).get('a')?.available).toBe(1)
  expect(merge(rows, [{id: 'a', version: 5, available: 1}]).get('a')?.available).toBe(30)
  expect(merge(rows, [{id: 'z', version: 9}]).size).toBe(1)
})

test('a change that leaves opening hours out ends them; what changes never tell stays', () => {
  const rows = new Map([['a', parking('a', {closed_then: true, opens_at: '2026-06-14T06:00:00Z', price: {minor: 480, currency: 'EUR'}})]])
  const a = merge(rows, [{id: 'a', version: 6, available: 1}]).get('a')
  expect(a && ('closed_then' in a || 'opens_at' in a)).toBe(false)
  expect(a).toMatchObject({name: 'a', price: {minor: 480}, available: 1})
  expect(merge(rows, [{id: 'a', version: 6, closed_then: false}]).get('a')?.closed_then).toBe(false)
})

test('when all are dearer, the cheapest with room are shown', () => {
  const eur = (id: string, minor: number, more: Partial<Parking> = {}) => parking(id, {price: {minor, currency: 'EUR'}, ...more})
  const full = {space_types: [{type: 'standard', capacity: 90, available_now: 0, available: 0}]}
  const rows = [eur('a', 900), eur('b', 300), eur('c', 100, full), eur('d', 500), eur('e', 700), parking('f', {price: {minor: 1, currency: 'CHF'}}), parking('g', {price: null})]
  expect(cheapest(rows, 'standard').map(p => p.id)).toEqual(['b', 'd', 'e'])
  expect(cheapest([parking('g', {price: null})], 'standard')).toEqual([])
})

test('as of is the newest of the gates that answer', () => {
  const silent = parking('b', {status: 'unknown', as_of: '2026-06-13T09:00:00Z'})
  expect(newest([parking('a'), silent])).toBe(Date.parse('2026-06-13T06:00:00Z'))
  expect(newest([silent])).toBeNull()
})

test('room and alternatives leave out the full and the unknown', () => {
  const full = parking('f', {space_types: [{type: 'standard', capacity: 90, available_now: 0, available: 0}]})
  const rows = [full, parking('a'), parking('b'), parking('u', {capacity: null, space_types: []}), parking('c'), parking('d')]
  expect(withRoom(rows, 'standard')).toBe(4)
  expect(alternatives(rows, 'standard').map(p => p.id)).toEqual(['a', 'b', 'c'])
})

test('walking', () => {
  expect(minutesOnFoot(0)).toBe(1)
  expect(minutesOnFoot(metresIn(5))).toBe(5)
  const plain = (n: number, digits: number) => n.toFixed(digits)
  expect([636, 2431, 31_200].map(m => far(m, plain))).toEqual(['640 m', '2.4 km', '31 km'])
})

test('positions', () => {
  expect(position(51.050311, 13.73754)).toBe('51.0503,13.7375')
  expect(placeOf('51.05,13.74')).toEqual({lat: 51.05, lon: 13.74})
  for (const bad of ['', 'x', '51', '91,0', '1,2,3']) expect(placeOf(bad)).toBeNull()
})

test('coordinates that are typed are a place', () => {
  expect(['51.0503, 13.7375', '51.0503 13.7375', '51,0503; 13,7375', '-33.9;18.4', '51°, 13°'].map(typed)).toEqual(['51.0503,13.7375', '51.0503,13.7375', '51.0503,13.7375', '-33.9000,18.4000', '51.0000,13.0000'])
  expect(['', 'Altmarkt', '01067', '91, 13', '51.05', '51, 190', 'Straße 12, 3'].map(typed)).toEqual(['', '', '', '', '', '', ''])
})

test('the best match is the name that fits, then what has room', () => {
  const row = (id: string, name: string, available: number | null) => ({id, name, capacity: 10, available, space_types: [{type: 'standard', capacity: 10, available, available_now: 1}]}) as unknown as Parking
  const rows = [row('a', 'Am Altmarkt', 0), row('b', 'Altmarkt', 0), row('c', 'Centrum', 5), row('d', 'Äußere Altmarkthalle', null), row('e', 'Alter Hof', 3), row('f', 'Am Altmarkt 2', 4)]
  expect(order(rows, 'relevance', 'standard', 'altm')).toEqual(['b', 'f', 'd', 'a', 'c', 'e'])
  expect(order(rows, 'relevance', 'standard')).toEqual(['c', 'e', 'f', 'd', 'a', 'b'])
  expect(order([row('x', 'Überm Fluss', 1), row('y', 'Ufer', 1)], 'relevance', 'standard', 'uf')).toEqual(['y', 'x'])
})

test('equals begin in the middle of what the map first shows, unless something was typed', () => {
  const at = (id: string, latitude: number, longitude: number, city = 'Dresden') => parking(id, {latitude, longitude, city})
  const rows = [at('aachen', 50.78, 6.08, 'Aachen'), at('east', 51.05, 13.8), at('other', 51.05, 13.76), at('west', 51.06, 13.66), at('middle', 51.05, 13.72)]
  expect(order(rows, 'relevance', 'standard').toSpliced(2, 2)).toEqual(['middle', 'other', 'aachen'])
  expect(order(rows, 'relevance', 'standard', 'dresden')).toEqual(['aachen', 'east', 'other', 'west', 'middle'])
})

test('at most: what is dearer goes and is counted; what has no known price stays and is counted', () => {
  const eur = (minor: number) => ({minor, currency: 'EUR'})
  const rows = [parking('a', {price: eur(240)}), parking('b', {price: eur(900)}), parking('c', {price: null}), parking('d', {price: {minor: 100, currency: 'HUF'}}), parking('e', {price: eur(500)})]
  const got = affordable(rows, '500 EUR')
  expect([got.rows.map(p => p.id), got.unpriced, got.dearer]).toEqual([['a', 'c', 'd', 'e'], 2, 1])
  expect(affordable(rows, '').rows).toHaveLength(5)
  expect(affordable(rows, 'nonsense').dearer).toBe(0)
  expect(priceSteps(rows)).toEqual([300, 500, 800].map(eur))
  expect(priceSteps([parking('c', {price: null})])).toEqual([])
})
