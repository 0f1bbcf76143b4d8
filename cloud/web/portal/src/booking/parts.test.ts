// @vitest-environment happy-dom
// The sections that need a car inside, or one that has left, as the reader sees them.
import {flushSync, mount, tick, unmount, type Component} from 'svelte'
import {afterEach, beforeEach, expect, test, vi} from 'vitest'
import {setPrefs} from '@shared/app/prefs.svelte.ts'
import Cancel from './Cancel.svelte'
import Card from './Card.svelte'
import Ended from './Ended.svelte'
import Longer from './Longer.svelte'
import type {Managed} from './manage.svelte.ts'
import Other from './Other.svelte'
import Owed from './Owed.svelte'
import Pending from './Pending.svelte'
import type {Reservation} from './rules.ts'
import Stay from './Stay.svelte'
import {changing} from './changing.svelte.ts'

const eur = (minor: number) => ({minor, currency: 'EUR'})
type Part = Partial<Omit<Reservation, 'payment'>> & {payment?: Partial<Reservation['payment']>}
const booking = ({payment, ...rest}: Part): Reservation => ({
  id: 'rsv_aa7kq4tm', state: 'active', parking_id: 'altmarkt', space_type: 'standard', from: '2026-06-11T06:00:00Z', to: '2026-06-11T15:00:00Z',
  price: eur(1500), price_detail: {tax: eur(239), tariff_version: 1, lines: []}, pass: 'PK1:X', no_show_at: '2026-06-11T08:00:00Z', created_at: '2026-06-11T05:00:00Z', version: 7, ...rest,
  payment: {id: 'pay_1', state: 'authorized', amount: eur(1500), authorized: eur(1900), ...payment},
})
const due = vi.fn(async () => eur(830)), pay = vi.fn(async () => true), withdraw = vi.fn()
const b = {id: 'rsv_aa7kq4tm', zone: 'Europe/Berlin', name: 'Altmarkt', parking: null, busy: '', offlineSince: null, price: due, pay, withdraw, confirm: vi.fn(), goToBank: vi.fn()} as unknown as Managed
let app: Record<string, unknown> | undefined
async function seen(part: Component<{b: Managed; r: Reservation}>, r: Reservation, other: object = {}): Promise<string> {
  app = mount(part, {target: document.body, props: {b: {...b, ...other} as Managed, r}})
  flushSync()
  await tick(); await tick()
  flushSync()
  return (document.body.textContent ?? '').replace(/\s+/g, ' ')
}
async function clear(): Promise<void> {
  if (app) await unmount(app)
  app = undefined
  document.body.replaceChildren()
}
beforeEach(() => { vi.useFakeTimers({now: Date.parse('2026-06-11T09:32:00Z'), toFake: ['Date']}); setPrefs({language: 'en', hours: '24'}) })
afterEach(async () => { await clear(); vi.useRealTimers(); vi.clearAllMocks() })

test('inside: what leaving now costs, and what is released', async () => {
  const text = await seen(Stay, booking({early_charge: eur(500)}))
  expect(due).toHaveBeenCalledWith()
  expect(text).toContain('You pay €8.30, €10.70 is released.')
  expect(text).toContain('3 h 32')
})
test('inside where early costs the same, and where the time is over', async () => {
  due.mockResolvedValueOnce(eur(1500))
  expect(await seen(Stay, booking({}))).toContain('You pay €15.00, whenever you leave.')
  await clear()
  due.mockResolvedValueOnce(eur(2100))
  expect(await seen(Stay, booking({to: '2026-06-11T09:00:00Z'}))).toContain('it costs €21.00 by now')
})
test('what leaving cost is not said any more when somebody comes back: it is asked anew', async () => {
  let hidden = false
  Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden})
  const turn = async (to: boolean) => { hidden = to; document.dispatchEvent(new Event('visibilitychange')); flushSync(); await tick(); await tick(); flushSync() }
  try {
    expect(await seen(Stay, booking({}))).toContain('You pay €8.30')
    await turn(true)
    expect(document.body.textContent).not.toContain('€8.30')
    expect(due).toHaveBeenCalledTimes(1)
    due.mockResolvedValueOnce(eur(910))
    await turn(false)
    expect(due).toHaveBeenCalledTimes(2)
    expect(document.body.textContent).toContain('You pay €9.10')
  } finally { Reflect.deleteProperty(document, 'hidden') }
})
test('promised at the machine: nothing is asked', async () => {
  expect(await seen(Stay, booking({payment: {authorized: eur(0)}}))).toContain('Pay €15.00 at the machine')
  expect(due).not.toHaveBeenCalled()
})
test('before: from when, until when, and how it is held', async () => {
  vi.setSystemTime(Date.parse('2026-06-11T05:30:00Z'))
  const text = await seen(Stay, booking({state: 'confirmed'}))
  expect(text).toContain('Come from 08:00')
  expect(text).toContain('At the latest at 10:00')
  expect(text).toContain('€19.00 is held on your card')
})
test('what is owed is paid with the card of the booking, once', async () => {
  const text = await seen(Owed, booking({state: 'completed', owed: {amount: eur(400)}, payment: {state: 'captured', captured: eur(1500)}}))
  expect(text).toContain('€4.00 is still to be paid')
  document.querySelector('button')?.click()
  flushSync()
  expect(document.body.textContent).toContain('The card of this booking')
  document.querySelector('form')?.dispatchEvent(new Event('submit', {bubbles: true, cancelable: true}))
  await tick()
  expect(pay).toHaveBeenCalledExactlyOnceWith('')
})
test('a refused card leaves the space, while there is time', async () => {
  const r = booking({state: 'held', cards_left: 1, hold_until: '2026-06-11T09:42:00Z', payment: {state: 'declined', authorized: eur(0)}})
  const text = await seen(Card, r)
  expect(text).toContain('Your bank refused this card')
  expect(text).toContain('Nothing was held or taken. Your space at Altmarkt stays yours until 11:42. Try another card, or ask your bank why. One more card can be tried.')
  await clear()
  expect(await seen(Card, {...r, payment: {...r.payment, decline_code: 'not_placed'}})).toContain('Your bank could not be reached')
  await clear()
  expect(await seen(Card, {...r, hold_until: '2026-06-11T09:32:00Z'})).toContain('The time has run out')
})
test('owed: refused, under way, paid', async () => {
  for (const [owed, said] of [
    [{amount: eur(400), payment: {id: 'pay_2', state: 'declined' as const, amount: eur(400), authorized: eur(0)}}, 'your bank said no'],
    [{amount: eur(400), payment: {id: 'pay_2', state: 'declined' as const, decline_code: 'not_placed', amount: eur(400), authorized: eur(0)}}, 'could not be reached'],
    [{amount: eur(0), payment: {id: 'pay_2', state: 'unknown' as const, amount: eur(400), authorized: eur(0)}}, '€4.00 is being paid'],
    [{amount: eur(0), payment: {id: 'pay_2', state: 'captured' as const, amount: eur(400), authorized: eur(400), captured: eur(400)}}, '€4.00 was paid by card'],
  ] as const) {
    expect(await seen(Owed, booking({state: 'completed', owed}))).toContain(said)
    await clear()
  }
})
test('a change that waits can be taken back', async () => {
  const text = await seen(Pending, booking({pending_change: {space_type: 'standard', from: '2026-06-11T06:00:00Z', to: '2026-06-11T16:00:00Z', price: eur(2000), price_detail: booking({}).price_detail, payment: {id: 'pay_3', state: 'requires_action', amount: eur(2000), authorized: eur(0), next_action: 'http://b/x'}, until: '2026-06-11T09:42:00Z'}}))
  expect(text).toContain('Staying until 18:00: approve €20.00 with your bank')
  expect(text).toContain('not done before 11:42')
  for (const x of document.querySelectorAll('button')) if (x.textContent === 'Take it back') x.click()
  expect(withdraw).toHaveBeenCalledOnce()
})
test('what became of it', async () => {
  for (const [r, said] of [
    [booking({state: 'completed', payment: {state: 'captured', captured: eur(830)}}), '€8.30 was taken for this stay; the rest of the hold went back.'],
    [booking({state: 'completed', payment: {state: 'captured', captured: eur(1900), refunded: eur(300), refunds: [{reason: 'operator', state: 'succeeded', amount: eur(300), at: ''}]}}), '€3.00 was given back'],
    [booking({state: 'no_show', payment: {state: 'captured', captured: eur(1500)}}), 'What was taken from your card counts when you still come. Until 17:00 this pass'],
    [booking({state: 'walked', payment: {state: 'voided'}}), 'Sorry: Altmarkt has no space for you'],
    [booking({state: 'expired', payment: {state: 'declined'}}), 'Your bank refused the payment'],
  ] as const) {
    expect(await seen(Ended, r)).toContain(said)
    await clear()
  }
})

test('giving up: what was shown goes along, so that at another price nothing happens', async () => {
  for (const [r, sent] of [
    [booking({state: 'confirmed', no_show_at: '2026-06-11T12:00:00Z', no_show_charge: eur(1500)}), eur(0)],
    [booking({state: 'confirmed', no_show_charge: eur(1500)}), eur(1500)],
    [booking({state: 'confirmed', no_show_charge: eur(0)}), eur(0)],
    [booking({state: 'confirmed'}), undefined], // it was not agreed on when it was booked
  ] as const) {
    const cancel = vi.fn()
    await seen(Cancel, r, {cancel})
    press('Cancel')
    press('Yes, give it up')
    expect(cancel).toHaveBeenCalledExactlyOnceWith(sent)
    await clear()
  }
})

const buttons = () => [...document.querySelectorAll('button')]
const press = (text: string) => { buttons().find(x => x.textContent?.includes(text))?.click(); flushSync() }
test('staying longer: the end and the price that were asked about, or the question is gone', async () => {
  const extend = vi.fn(async (_: string) => false)
  const props = changing({b: {...b, offlineSince: null, price: async () => eur(1700), extend} as unknown as Managed, r: booking({})})
  app = mount(Longer, {target: document.body, props})
  flushSync(); await tick(); await tick(); flushSync()
  press('+ €2.00')
  expect(document.body.textContent).toContain('Stay until 17:30?')
  expect(document.body.textContent).toContain('€17.00 instead of €15.00')
  press('Yes, until 17:30')
  expect(extend).toHaveBeenCalledExactlyOnceWith('2026-06-11T15:30:00Z', eur(1700))
  // It was changed elsewhere meanwhile.
  props.r = booking({to: '2026-06-11T15:30:00Z', price: eur(1700), version: 8})
  flushSync()
  expect(buttons().some(x => x.textContent?.includes('Yes'))).toBe(false)
})
test('staying longer: nothing is asked without a price', async () => {
  await seen(Longer, booking({}), {price: () => new Promise(() => {}), offlineSince: null})
  for (const x of buttons()) x.click()
  flushSync()
  expect(document.body.textContent).not.toContain('Yes')
})

test('leaving now: an answer that was overtaken does not count, and no price stays when there is none or the booking changed', async () => {
  const answers: {good: (m: ReturnType<typeof eur>) => void; bad: () => void}[] = []
  const price = () => new Promise<ReturnType<typeof eur>>((good, bad) => answers.push({good, bad: () => bad(new Error('offline'))}))
  const props = changing({b: {...b, price} as unknown as Managed, r: booking({})})
  app = mount(Stay, {target: document.body, props})
  flushSync()
  const text = async () => { await tick(); await tick(); flushSync(); return document.body.textContent ?? '' }
  props.r = booking({version: 8})
  flushSync()
  answers[1]?.good(eur(830))
  answers[0]?.good(eur(700))
  expect(await text()).toContain('You pay €8.30')
  props.r = booking({version: 9})
  expect(await text()).not.toContain('€8.30')
  answers[2]?.bad()
  expect(await text()).toContain('the price is taken from what is held')
})

test('a question takes the focus, and gives it back to the button that asked it', async () => {
  const focused = async () => { flushSync(); await tick(); await tick(); flushSync(); return document.activeElement?.textContent?.replace(/\s+/g, ' ').trim() ?? '' }
  const enter = async (text: string) => { buttons().find(x => x.textContent?.includes(text))?.focus(); press(text); return focused() }
  await seen(Cancel, booking({state: 'confirmed'}))
  expect(await enter('Cancel')).toContain('Give this space up?')
  expect(await enter('Keep it')).toBe('Cancel')
  await clear()
  const extend = vi.fn(async () => true)
  await seen(Longer, booking({}), {price: async (c: {to: string}) => eur(c.to === '2026-06-11T15:30:00Z' ? 1700 : 1900), offlineSince: null, extend})
  await tick(); await tick(); flushSync()
  expect(await enter('+ €4.00')).toContain('Stay until 18:00?')
  expect(await enter('No')).toBe('+ €4.00')
  await enter('+ €2.00')
  expect(await enter('Yes, until 17:30')).toBe('+ €2.00')
  await clear()
  await seen(Other, booking({state: 'confirmed'}))
  expect(await enter('Choose')).toContain('Keep it as it is')
  expect(await enter('Keep it as it is')).toBe('Choose')
})

test('giving up without a line: refused where it is asked, and the question stays', async () => {
  const cancel = vi.fn(async () => true)
  const props = changing({b: {...b, offlineSince: 1, cancel} as unknown as Managed, r: booking({state: 'confirmed'})})
  app = mount(Cancel, {target: document.body, props})
  flushSync()
  press('Cancel')
  press('Yes, give it up')
  expect(cancel).not.toHaveBeenCalled()
  expect(document.querySelector('[role=alert]')?.textContent).toBe('This needs a connection. Your booking stands.')
  expect(document.body.textContent).toContain('Give this space up?')
  props.b = {...b, offlineSince: null, cancel} as unknown as Managed
  flushSync()
  expect(document.querySelector('[role=alert]')).toBeNull()
  press('Yes, give it up')
  expect(cancel).toHaveBeenCalledOnce()
})
test('paying what is owed: the question takes the focus, and gives it back', async () => {
  await seen(Owed, booking({state: 'completed', owed: {amount: eur(400)}, payment: {state: 'captured', captured: eur(1500)}}))
  const press = async (e: Element | null | undefined) => { (e as HTMLElement).focus(); (e as HTMLElement).click(); flushSync(); await tick(); await tick() }
  await press(document.querySelector('button'))
  expect(document.activeElement?.getAttribute('name')).toBe('owed-card')
  await press([...document.querySelectorAll('button')].find(x => x.textContent === 'Not now'))
  expect(document.activeElement?.textContent).toBe('Pay €4.00 by card')
})
