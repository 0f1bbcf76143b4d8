// @vitest-environment happy-dom
import {flushSync, mount, unmount} from 'svelte'
import {afterEach, expect, test, vi} from 'vitest'
import {Failure} from '@shared/api/client.ts'
import type {Schemas} from '@shared/api/client.ts'
import {mail, phone, plate, plateBad} from './form.ts'
import {part} from './money.ts'
import {expiry, grouped, luhn, readCard, testCards} from './sandbox.ts'
import SandboxFields from './SandboxFields.svelte'
import type {CardForm} from './cards.ts'
import {load, mount as fields, type Element, type Global} from './stripe.ts'
import {trouble} from './trouble.ts'

const now = Date.UTC(2026, 5, 11)

test('the sandbox reads a card as a provider’s fields do', () => {
  for (const c of testCards) {
    expect(luhn(c.number), c.number).toBe(true)
    expect(readCard(grouped(c.number), '09/28', '123', now)).toEqual({token: c.token})
  }
  expect(readCard('4242 4242', '09/28', '123', now)).toEqual({wrong: 'number', why: 'short'})
  expect(readCard('4242 4242 4242 4243', '09/28', '123', now)).toEqual({wrong: 'number', why: 'mistyped'})
  expect(readCard('5555 5555 5555 4444', '09/28', '123', now)).toEqual({wrong: 'number', why: 'unknown'})
  expect(readCard('4242424242424242', '05/26', '123', now)).toEqual({wrong: 'expiry', why: 'expired'})
  expect(readCard('4242424242424242', '06/26', '123', now)).toEqual({token: 'pm_sandbox_ok'})
  expect(readCard('4242424242424242', '13/28', '123', now)).toEqual({wrong: 'expiry', why: 'date'})
  expect(readCard('4242424242424242', '09/28', '12', now)).toEqual({wrong: 'cvc', why: 'cvc'})
  expect([expiry('0'), expiry('0928'), expiry('09/2')]).toEqual(['0', '09/28', '09/2'])
})

test('what is typed', () => {
  expect([mail(''), mail('a@b'), mail('jana@posteo.example ')]).toEqual(['missing', 'mail', null])
  expect([phone(''), phone('0151 234567'), phone('+49 151 23456789'), phone('0049 151 23456789')]).toEqual([null, 'phone', null, null])
  expect([plate(' dd-ol 417'), plateBad(''), plateBad('D'), plateBad('DD OL 417'), plateBad('DÄ 1')]).toEqual(['DD-OL 417', null, 'plate', null, 'plate'])
})

test('a part of a price drops what is below a cent', () => {
  expect(part({minor: 999, currency: 'EUR'}, 50)).toEqual({minor: 499, currency: 'EUR'})
  expect(part({minor: -100, currency: 'EUR'}, 50).minor).toBe(0)
})

test('what a refusal means', () => {
  const f = (code: string, status: number) => new Failure(code as Failure['code'], {type: '', title: '', status, detail: '', code: code as Schemas['ProblemCode']})
  expect(trouble(new Failure('offline'))).toBe('offline')
  expect(trouble(new Failure('internal'))).toBe('unclear')
  expect([f('request_in_progress', 409), f('payment_declined', 402), f('sold_out', 409), f('quote_expired', 409), f('quote_mismatch', 409), f('contended', 503), f('request_invalid', 422), f('not_for_sale', 409)].map(trouble))
    .toEqual(['progress', 'declined', 'soldOut', 'quote', 'quote', 'unclear', 'fields', 'refused'])
})

afterEach(() => { document.body.replaceChildren(); delete (globalThis as {Stripe?: Global}).Stripe })

test('the sandbox’s fields hand out a token and say what is wrong where it is', async () => {
  let form: CardForm | undefined
  const app = mount(SandboxFields, {target: document.body, props: {ready: (f: CardForm) => { form = f }, bad: ''}})
  flushSync()
  expect(await form?.token()).toBe('pm_sandbox_ok')
  const number = document.querySelector('input')
  if (!number) throw new Error('no field')
  number.value = '4242 4242 4242 4241'
  number.dispatchEvent(new Event('input', {bubbles: true}))
  expect(await form?.token()).toBeNull()
  flushSync()
  expect(number.getAttribute('aria-invalid')).toBe('true')
  expect(document.querySelector('.msg')?.textContent).toContain('typing mistake')
  for (const b of document.querySelectorAll<HTMLButtonElement>('.test button')) if (b.textContent?.includes('0002')) b.click()
  flushSync()
  expect(await form?.token()).toBe('pm_sandbox_declined')
  await unmount(app)
})

test('Stripe’s script is loaded once, and its fields hand out a token or say why not', async () => {
  const heard: string[] = []
  let change: (e: {error?: {message?: string}}) => void = () => {}
  const card: Element = {mount: t => { t.append('fields') }, destroy: vi.fn(), on: (_, f) => { change = f }}
  let answer: Awaited<ReturnType<ReturnType<Global>['createPaymentMethod']>> = {paymentMethod: {id: 'pm_1'}}
  const stub: Global = key => { heard.push(key); return {elements: o => { heard.push(o.locale); return {create: () => card}}, createPaymentMethod: async () => answer} }
  // A document that loads nothing: the script is a stand-in, too.
  const scripts: {src: string; onload: () => void}[] = []
  const doc = {createElement: () => ({src: '', onload: () => {}}), head: {append: (s: (typeof scripts)[number]) => scripts.push(s)}} as unknown as Document
  const first = load(doc), second = load(doc)
  expect(scripts.map(s => s.src)).toEqual(['https://js.stripe.com/v3/'])
  ;(globalThis as {Stripe?: Global}).Stripe = stub
  scripts[0]?.onload()
  expect(await first).toBe(stub)
  expect(await second).toBe(stub)
  const wrong: string[] = []
  const m = fields((await load(doc))('pk_test_1'), document.body, 'de', {}, t => wrong.push(t))
  expect(heard).toEqual(['pk_test_1', 'de'])
  change({error: {message: 'too short'}})
  change({})
  expect(await m.token()).toBe('pm_1')
  answer = {error: {message: 'declined here'}}
  expect(await m.token()).toBeNull()
  expect(wrong).toEqual(['too short', '', 'declined here'])
  m.destroy()
  expect(card.destroy).toHaveBeenCalled()
})
