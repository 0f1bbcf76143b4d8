// @vitest-environment happy-dom
import {describe, expect, it, vi} from 'vitest'
import {flushSync, mount, unmount} from 'svelte'
import type {Options} from '@shared/live/live.ts'
import {setPrefs} from '@shared/app/prefs.svelte.ts'
import {List, type Ask} from './list.svelte.ts'
import Row from './Row.svelte'
import type {Parking} from './rules.ts'

const parking = (id: string, available: number | null, more: Partial<Parking> = {}): Parking => ({
  id, name: `Parking ${id}`, address: '', city: 'Dresden', latitude: 51, longitude: 13, timezone: 'Europe/Berlin', kind: 'underground', capacity: 100, status: 'open',
  available_now: 40, as_of: '2026-06-13T06:00:00Z', version: 5, price_from: null, price: {minor: 480, currency: 'EUR'}, available,
  space_types: [{type: 'standard', capacity: 100, available_now: 40, available}], ...more,
})
const ask: Ask = {url: '/parkings?a', window: {from: 0, to: 7_200_000}, type: 'standard', sort: 'available'}

function started(answer?: () => Promise<Response>) {
  const streams: Options[] = [], ended = vi.fn()
  const list = new List(o => { streams.push(o); return ended }, answer ?? (async () => { throw new TypeError('no network') }))
  list.watch(ask)
  const send = (name: string, data: unknown) => streams.at(-1)?.event(name, data)
  return {list, streams, ended, send}
}

describe('the list', () => {
  it('is in the order that is asked for, and stays when numbers move', () => {
    const {list, send} = started()
    send('snapshot', {parkings: [parking('a', 10), parking('b', 50), parking('c', null)], next_cursor: null})
    expect(list.ids).toEqual(['b', 'a', 'c'])
    send('availability', [parking('a', 90, {version: 6})])
    expect(list.ids).toEqual(['b', 'a', 'c'])
    expect(list.rows.get('a')?.available).toBe(90)
    expect(list.moved).toBe(true)
    list.sort('available')
    expect(list.ids).toEqual(['a', 'b', 'c'])
    expect(list.moved).toBe(false)
  })

  it('keeps places and newer numbers when the same list comes again', () => {
    const {list, send} = started()
    send('snapshot', {parkings: [parking('a', 10), parking('b', 50)], next_cursor: null})
    send('availability', [parking('a', 70, {version: 9})])
    send('snapshot', {parkings: [parking('a', 10, {version: 8}), parking('b', 50), parking('d', 60)], next_cursor: null})
    expect(list.ids).toEqual(['b', 'a', 'd'])
    expect(list.rows.get('a')?.available).toBe(70)
  })

  it('says what the rows are for until the next answer has come', () => {
    const {list, send, ended} = started()
    send('snapshot', {parkings: [parking('a', 10)], next_cursor: null})
    list.watch({...ask, url: '/parkings?b'})
    expect(ended).toHaveBeenCalledOnce()
    expect(list.shown?.url).toBe('/parkings?a')
    send('snapshot', {parkings: [], next_cursor: null})
    expect(list.shown?.url).toBe('/parkings?b')
    expect(list.ids).toEqual([])
  })

  it('asks plainly when the stream is refused, and takes the code', async () => {
    const {list, streams} = started(async () => Response.json({code: 'window_too_long'}, {status: 422}))
    streams[0]?.state({name: 'refused', status: 422})
    await vi.waitFor(() => expect(list.refused).toBe('window_too_long'))
  })

  it('leaves out those that have spaces, but none of the kind', () => {
    const {list, send} = started()
    send('snapshot', {parkings: [parking('a', 10), parking('ev', 3, {space_types: [{type: 'ev', capacity: 3, available_now: 3, available: 3}]}), parking('x', null, {capacity: null, space_types: []})], next_cursor: null})
    expect([...list.ids].sort()).toEqual(['a', 'x'])
  })
})

describe('a row', () => {
  setPrefs({language: 'en', hours: '24'})
  const text = (p: Parking) => {
    const target = document.createElement('div'), c = mount(Row, {target, props: {parking: p, type: 'standard', stay: 7_200_000}})
    flushSync()
    const said = target.textContent?.replace(/\s+/g, ' ').trim() ?? ''
    void unmount(c)
    return said
  }

  it('tells both numbers, the walk and the price', () => {
    expect(text(parking('a', 33, {distance_m: 384}))).toMatch(/^33 free Parking a €4.80 6 min walk · underground ?40 free right now 2 h$/)
  })

  it('shows no figure and no price for what is not known', () => {
    const said = text(parking('x', null, {capacity: null, space_types: [], available_now: null, price: null}))
    expect(said).toContain('count unknown')
    expect(said).toContain('not sold here')
    expect(said).not.toMatch(/\d/)
  })

  it('says full, and what is free now all the same', () => {
    const said = text(parking('f', 0))
    expect(said).toContain('40 free now, full for your time')
    expect(said).not.toContain('€')
  })
})
