import {expect, test} from 'vitest'
import {isAhead, type Kept, type Reservation} from './bookings.svelte.ts'

const now = Date.parse('2026-11-27T12:00:00Z')
const b = (state: Reservation['state'], to = '2026-11-27T13:00:00Z'): Kept => ({id: 'rsv_1', token: 't', reservation: {state, to} as Reservation})

test('only what is still to be used counts beside “My bookings”', () => {
  expect(['held', 'confirmed', 'active'].map(s => isAhead(b(s as Reservation['state']), now))).toEqual([true, true, true])
  expect(['completed', 'expired', 'cancelled', 'no_show', 'walked', 'voided'].some(s => isAhead(b(s as Reservation['state']), now))).toBe(false)
  expect(isAhead(b('confirmed', '2026-11-27T11:00:00Z'), now)).toBe(false)
  expect(isAhead(b('active', '2026-11-27T11:00:00Z'), now)).toBe(true) // still inside
  expect(isAhead({id: 'rsv_2', token: 't'}, now)).toBe(true) // nothing is known of it yet
})
