import {describe, expect, test} from 'vitest'
import {bankPage, countdown, difference, giving, hasReceipt, held, newer, over, owed, promised, refunds, sections, short, type Reservation} from './rules.ts'

const eur = (minor: number) => ({minor, currency: 'EUR'})
const from = Date.parse('2026-06-11T08:00:00Z'), to = Date.parse('2026-06-11T17:00:00Z'), late = Date.parse('2026-06-11T10:00:00Z')
type Part = Partial<Omit<Reservation, 'payment'>> & {payment?: Partial<Reservation['payment']>}
const booking = ({payment, ...rest}: Part = {}): Reservation => ({
  id: 'rsv_01jxfq6hg8e4ft3vs9j7kq4tmx', state: 'confirmed', parking_id: 'altmarkt', space_type: 'standard', from: '2026-06-11T08:00:00Z', to: '2026-06-11T17:00:00Z',
  price: eur(1500), price_detail: {tax: eur(239), tariff_version: 1, lines: []}, pass: 'PK1:X', no_show_at: '2026-06-11T10:00:00Z', created_at: '2026-06-11T07:00:00Z', version: 7, ...rest,
  payment: {id: 'pay_1', state: 'authorized', amount: eur(1500), authorized: eur(1500), ...payment},
})
const change = {space_type: 'standard', from: '2026-06-11T08:00:00Z', to: '2026-06-11T18:00:00Z', price: eur(1700), price_detail: booking().price_detail, payment: {...booking().payment, state: 'requires_action' as const}, until: '2026-06-11T07:10:00Z'}

describe('which sections a booking has', () => {
  const has = (p: Part, now = from - 1) => sections(booking(p), now)
  test('held: the bank, and the way out', () => {
    expect(has({state: 'held', pass: null, payment: {state: 'requires_action'}})).toEqual(['bank', 'cancel', 'price'])
    expect(has({state: 'held', pass: null, payment: {state: 'unknown'}})).toEqual(['waiting', 'cancel', 'price'])
  })
  test('held, and the card refused: another one while there are any', () => {
    for (const state of ['declined', 'void_requested', 'voided'] as const) expect(has({state: 'held', pass: null, cards_left: 4, payment: {state}})).toEqual(['card', 'cancel', 'price'])
    expect(has({state: 'held', pass: null, cards_left: 4, payment: {state: 'unknown'}})).toEqual(['waiting', 'cancel', 'price'])
    expect(has({state: 'held', pass: null, payment: {state: 'declined'}})).toEqual(['waiting', 'cancel', 'price'])
    expect(has({state: 'expired', pass: null, cards_left: 4, payment: {state: 'declined'}})).toEqual(['over', 'price'])
  })
  test('confirmed: all of it', () => expect(has({})).toEqual(['pass', 'stay', 'longer', 'other', 'cancel', 'reminders', 'price']))
  test('a change that waits leaves no second one', () => expect(has({pending_change: change})).toEqual(['pending', 'pass', 'stay', 'cancel', 'reminders', 'price']))
  test('a space that is not kept any more cannot be changed, only given up', () => expect(has({}, late)).toEqual(['pass', 'stay', 'cancel', 'reminders', 'price']))
  test('inside there is nothing to cancel', () => expect(has({state: 'active'}, late)).toEqual(['pass', 'stay', 'longer', 'other', 'reminders', 'price']))
  test('a bank that asks before it holds again', () => expect(has({payment: {state: 'lapsed', next_action: 'https://bank'}})).toContain('approve'))
  test('over', () => {
    expect(has({state: 'completed', payment: {state: 'captured', captured: eur(830)}})).toEqual(['done', 'receipt', 'price'])
    expect(has({state: 'completed', owed: {amount: eur(200)}, payment: {state: 'captured'}})).toEqual(['done', 'owed', 'receipt', 'price'])
    expect(has({state: 'no_show'})).toEqual(['missed', 'pass', 'price'])
    expect(has({state: 'no_show', pass: null})).toEqual(['missed', 'price'])
    for (const state of ['expired', 'cancelled', 'walked', 'voided'] as const) expect(has({state, payment: {state: 'void_requested'}})).toEqual(['over', 'price'])
  })
})

test('what giving up costs', () => {
  expect(giving(booking(), late - 1)).toEqual({free: true, until: late})
  expect(giving(booking({no_show_charge: eur(1500)}), late)).toEqual({free: false, until: late, charge: eur(1500)})
  expect(giving(booking({no_show_charge: eur(0)}), late)).toEqual({free: false, until: late, charge: null})
  expect(giving(booking(), to)).toEqual({free: false, until: late, charge: null})
})

test('how the price is secured', () => {
  expect(held(booking())).toBe('held')
  expect(held(booking({payment: {authorized: eur(0)}}))).toBe('promised')
  expect(promised(booking({price: eur(0), payment: {authorized: eur(0)}}))).toBe(false)
  expect(held(booking({price: eur(0), payment: {authorized: eur(0)}}))).toBe('nothing')
  expect(held(booking({payment: {state: 'method_saved', authorized: eur(0)}}))).toBe('saved')
  expect(held(booking({payment: {state: 'method_saved', decline_code: 'declined'}}))).toBe('savedDeclined')
  expect(held(booking({payment: {state: 'lapsed'}}))).toBe('lapsed')
})

test('what became of one that is no more', () => {
  expect(over(booking({state: 'walked'})).what).toBe('walked')
  expect(over(booking({state: 'cancelled', payment: {state: 'voided'}}))).toEqual({what: 'cancelledFree', taken: null})
  expect(over(booking({state: 'cancelled', no_show_charge: eur(750), payment: {state: 'capture_requested'}}))).toEqual({what: 'cancelledPaid', taken: eur(750)})
  expect(over(booking({state: 'cancelled', payment: {state: 'captured', captured: eur(750)}}))).toEqual({what: 'cancelledPaid', taken: eur(750)})
  expect(over(booking({state: 'cancelled', payment: {state: 'voided', authorized: eur(0)}})).what).toBe('cancelledPromised')
  expect(over(booking({state: 'expired', payment: {state: 'declined'}})).what).toBe('declined')
  expect(over(booking({state: 'expired', payment: {state: 'voided'}})).what).toBe('expired')
})

test('what is owed', () => {
  const of = (amount: number, state?: Reservation['payment']['state']) => owed(booking({state: 'completed', owed: {amount: eur(amount), ...(state && {payment: {...booking().payment, state}})}}))
  expect(owed(booking())).toBe('none')
  expect(of(200)).toBe('due')
  expect(of(200, 'declined')).toBe('due')
  expect(of(0, 'requires_action')).toBe('approve')
  for (const state of ['requested', 'unknown', 'authorized', 'capture_requested'] as const) expect(of(0, state)).toBe('paying')
  expect(of(0, 'captured')).toBe('paid')
})

test('what came back, and what is on its way', () => {
  const some = (state: 'pending' | 'succeeded') => refunds(booking({payment: {refunded: eur(300), refunds: [{reason: 'operator', state, amount: eur(300), at: '2026-06-11T10:00:00Z'}]}}))
  expect(some('succeeded')).toEqual({given: eur(300), onTheWay: false})
  expect(some('pending')).toEqual({given: eur(300), onTheWay: true})
  expect(refunds(booking())).toEqual({given: null, onTheWay: false})
})

test('a receipt is there when the money is settled', () => {
  expect(hasReceipt(booking({payment: {state: 'captured'}}))).toBe(false)
  expect(hasReceipt(booking({state: 'cancelled', payment: {state: 'voided'}}))).toBe(true)
  expect(hasReceipt(booking({state: 'cancelled', payment: {state: 'voided', authorized: eur(0)}}))).toBe(false)
  expect(hasReceipt(booking({state: 'completed', payment: {state: 'voided', authorized: eur(0)}}))).toBe(true)
  expect(hasReceipt(booking({state: 'completed', payment: {state: 'capture_requested'}}))).toBe(false)
  // The server makes them of what was never taken, too (receipt.Build): a hold that lapsed, a method that was only saved, a card that said no.
  for (const state of ['lapsed', 'method_saved', 'declined'] as const) {
    for (const ended of ['completed', 'no_show', 'walked'] as const) expect(hasReceipt(booking({state: ended, payment: {state, authorized: eur(0)}})), `${ended} ${state}`).toBe(true)
    for (const going of ['held', 'confirmed', 'active', 'expired'] as const) expect(hasReceipt(booking({state: going, payment: {state}})), `${going} ${state}`).toBe(false)
  }
  for (const state of ['lapsed', 'method_saved'] as const) expect(hasReceipt(booking({state: 'cancelled', payment: {state, authorized: eur(0)}}))).toBe(true)
  expect(hasReceipt(booking({state: 'cancelled', payment: {state: 'declined', authorized: eur(0)}}))).toBe(false) // it was never confirmed
})

test('an older answer does not take the place of a newer one; the same version may have a newer payment', () => {
  expect(newer(null, booking(), 0, 9)).toBe(true)
  expect(newer(booking(), booking({version: 6}), 10, 9)).toBe(false)
  expect(newer(booking(), booking({version: 8}), 8, 9)).toBe(true)
  expect(newer(booking(), booking(), 10, 9)).toBe(true)
  expect(newer(booking(), booking(), 9, 9)).toBe(true)
  // A question that was sent before the last event came.
  expect(newer(booking(), booking(), 8, 9)).toBe(false)
})

test('only the sandbox is told where to come back to', () => {
  expect(bankPage('http://h/dev/sandbox/challenge/x', 'rsv_1', 'http://p', 'de')).toBe('http://h/dev/sandbox/challenge/x?return=%2F%23%2Fr%2Frsv_1&lang=de')
  expect(bankPage('/dev/sandbox/challenge/x', 'rsv_1', 'http://p', 'en')).toBe('http://p/dev/sandbox/challenge/x?return=%2F%23%2Fr%2Frsv_1&lang=en')
  expect(bankPage('https://hooks.stripe.com/3d/x?a=b', 'rsv_1', 'http://p', 'en')).toBe('https://hooks.stripe.com/3d/x?a=b')
})

test('the countdown', () => {
  expect(countdown(0, 600_000, 200_000)).toEqual({left: 400_000, share: 2 / 3, text: '6:40'})
  expect(countdown(0, 600_000, 600_001)).toEqual({left: 0, share: 0, text: '0:00'})
  expect(countdown(0, 600_000, 599_500).text).toBe('0:01')
  expect(countdown(100, 600, 0).share).toBe(1)
})

test('small things', () => {
  expect(difference(eur(1700), eur(1500))).toEqual(eur(200))
  expect(short('rsv_aa7kq4tm')).toBe('7KQ 4TM')
})
