import {expect, test} from 'vitest'
import {isAhead, nextPass, overlapping, type Kept, type Reservation} from './bookings.svelte.ts'

const now = Date.parse('2026-11-27T12:00:00Z')
const b = (state: Reservation['state'], to = '2026-11-27T13:00:00Z'): Kept => ({id: 'rsv_1', token: 't', reservation: {state, to} as Reservation})

test('only what is still to be used counts beside “My bookings”', () => {
  expect(['held', 'confirmed', 'active'].map(s => isAhead(b(s as Reservation['state']), now))).toEqual([true, true, true])
  expect(['completed', 'expired', 'cancelled', 'no_show', 'walked', 'voided'].some(s => isAhead(b(s as Reservation['state']), now))).toBe(false)
  expect(isAhead(b('confirmed', '2026-11-27T11:00:00Z'), now)).toBe(false)
  expect(isAhead(b('active', '2026-11-27T11:00:00Z'), now)).toBe(true) // still inside
  expect(isAhead({id: 'rsv_2', token: 't'}, now)).toBe(true) // nothing is known of it yet
})

test('the next pass: without a line always, else about its time', () => {
  const at = (id: string, from: string, to: string, more = {}): Kept => ({id, token: 't', reservation: {state: 'confirmed', pass: 'PK1:X', parking_id: 'altmarkt', from, to, ...more} as Reservation})
  const later = at('later', '2026-11-28T08:00:00Z', '2026-11-28T10:00:00Z'), soon = at('soon', '2026-11-27T13:30:00Z', '2026-11-27T15:00:00Z')
  const gone = at('gone', '2026-11-27T13:00:00Z', '2026-11-27T15:00:00Z', {state: 'cancelled'}), none = at('none', '2026-11-27T13:00:00Z', '2026-11-27T15:00:00Z', {pass: ''})
  expect(nextPass([later, gone, none], now, true)?.id).toBe('later')
  expect(nextPass([later, gone, none], now, false)).toBeUndefined()
  expect(nextPass([later, soon], now, false)?.id).toBe('soon')
  expect(nextPass([at('just over', '2026-11-27T08:00:00Z', '2026-11-27T11:00:00Z')], now, false)?.id).toBe('just over')
  expect(nextPass([at('over', '2026-11-27T08:00:00Z', '2026-11-27T09:00:00Z')], now, false)).toBeUndefined()
  const win = (from: string, to: string) => ({from: Date.parse(from), to: Date.parse(to)})
  expect(overlapping([gone, soon], 'altmarkt', win('2026-11-27T14:00:00Z', '2026-11-27T16:00:00Z'))?.id).toBe('soon')
  expect(overlapping([soon], 'altmarkt', win('2026-11-27T15:00:00Z', '2026-11-27T16:00:00Z'))).toBeUndefined()
  expect(overlapping([soon], 'another', win('2026-11-27T14:00:00Z', '2026-11-27T16:00:00Z'))).toBeUndefined()
})
