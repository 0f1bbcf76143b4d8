// @vitest-environment happy-dom
// What of an account is changed in quick succession, or refused.
import {flushSync, mount, tick, unmount} from 'svelte'
import {afterEach, beforeEach, expect, test, vi} from 'vitest'
import type {Me} from '../session.svelte.ts'

const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), {status, headers: {'Content-Type': 'application/json'}})
const jana = {id: 'acc_jana', email: 'jana@posteo.example', name: 'Jana', phone: '', plates: ['DDOL1', 'DDOL2'], language: 'en', hour_cycle: '', currency: '', reminders: {mail: true, sms: false}, memberships: [], created_at: '2026-01-01T00:00:00Z'} as unknown as Me
let server: Me = jana
/** What is on its way: its body, and how it is answered. */
let waiting: {body: Record<string, unknown>; answer: (r?: Response) => void}[] = []
vi.stubGlobal('fetch', vi.fn(async (q: Request) => {
  if (q.method !== 'PATCH') return json({})
  const body = await q.json() as Record<string, unknown>
  return new Promise<Response>(ok => waiting.push({body, answer: r => { if (!r) server = {...server, ...body}; ok(r ?? json({user: server})) }}))
}))
const {default: Details} = await import('./Details.svelte')
const session = await import('../session.svelte.ts')

let app: Record<string, unknown> | undefined
const settle = async () => { for (let i = 0; i < 6; i++) { await new Promise(ok => setImmediate(ok)); await tick(); flushSync() } }
const box = (name: string) => [...document.querySelectorAll('label')].find(l => l.textContent?.includes(name))!.querySelector('input')!
const press = async (e: HTMLElement) => { e.click(); await settle() }
const answer = async (r?: Response) => { waiting.shift()!.answer(r); await settle() }
const text = () => (document.body.textContent ?? '').replace(/\s+/g, ' ')
const plates = () => [...document.querySelectorAll('.plates .plate')].map(p => p.textContent)
const remove = (p: string) => document.querySelector<HTMLElement>(`[aria-label="Remove ${p}"]`)!
const type = async (input: HTMLInputElement, value: string, ...then: string[]) => {
  input.value = value
  for (const e of ['input', ...then]) input.dispatchEvent(new Event(e, {bubbles: true}))
  await settle()
}
beforeEach(async () => {
  server = jana
  waiting = []
  session.setMe(jana)
  app = mount(Details, {target: document.body, props: {get me() { return session.known() ?? jana }}})
  await settle()
})
afterEach(async () => { if (app) await unmount(app); app = undefined; document.body.replaceChildren(); localStorage.clear() })

test('what is changed while a change is on its way is sent after it, and nothing is lost', async () => {
  await press(box('by SMS, to'))
  await press(box('by mail'))
  await type(document.querySelector('input[autocomplete=name]')!, 'Jana R', 'change')
  expect(waiting.map(x => x.body)).toEqual([{reminders: {mail: true, sms: true}}]) // one at a time
  await answer()
  expect(waiting.map(x => x.body)).toEqual([{reminders: {mail: false, sms: true}}])
  await answer()
  expect(waiting.map(x => x.body)).toEqual([{name: 'Jana R'}])
  await answer()
  expect(waiting).toEqual([])
  expect(server).toMatchObject({name: 'Jana R', reminders: {mail: false, sms: true}})
  expect([box('by mail').checked, box('by SMS, to').checked]).toEqual([false, true])
  expect(text()).toContain('Saved.')
})
test('of one field the latest is sent, and what came between is not', async () => {
  for (const p of ['24 h', '12 h', 'as the language has it']) await press(box(p))
  await answer()
  expect(waiting.map(x => x.body)).toEqual([{hour_cycle: ''}])
  await answer()
  expect(server.hour_cycle).toBe('')
  expect(box('as the language has it').checked).toBe(true)
})
test('two plates that are removed at once are both gone', async () => {
  await press(remove('DDOL1'))
  await press(remove('DDOL2'))
  await answer()
  await answer()
  expect(server.plates).toEqual([])
  expect(plates()).toEqual([])
})
test('what is refused is as it was, with why beside it; what waits behind it is sent all the same', async () => {
  await press(box('by mail'))
  await press(box('12 h'))
  expect(box('by mail').checked).toBe(false) // as it is wanted
  await answer(json({code: 'internal', status: 500}, 500))
  expect(box('by mail').checked).toBe(true)
  expect(text()).toContain('Something broke on our side.')
  expect(waiting.map(x => x.body)).toEqual([{hour_cycle: 'h12'}])
  await answer()
  expect(server).toMatchObject({hour_cycle: 'h12', reminders: {mail: true, sms: false}})
  expect(text()).toContain('Something broke on our side.') // it still was not kept
  await press(box('by mail'))
  expect(text()).not.toContain('Something broke')
  await answer()
  expect(box('by mail').checked).toBe(false)
})
test('a radio and a plate go back, too', async () => {
  await press(box('Deutsch'))
  expect(box('Deutsch').checked).toBe(true)
  await answer(json({code: 'internal', status: 500}, 500))
  expect([box('Deutsch').checked, box('English').checked]).toEqual([false, true])
  await press(remove('DDOL1'))
  expect(plates()).toEqual(['DDOL2'])
  await answer(json({code: 'internal', status: 500}, 500))
  expect(plates()).toEqual(['DDOL1', 'DDOL2'])
})
test('a name that was not kept stays as it was typed, and is tried again when it is left again', async () => {
  const name = document.querySelector<HTMLInputElement>('input[autocomplete=name]')!
  await type(name, 'Jana R', 'change', 'blur')
  expect(waiting).toHaveLength(1)
  await answer(json({code: 'internal', status: 500}, 500))
  expect(name.value).toBe('Jana R')
  name.dispatchEvent(new Event('blur'))
  await settle()
  await answer()
  expect(server.name).toBe('Jana R')
  name.dispatchEvent(new Event('blur'))
  await settle()
  expect(waiting).toEqual([]) // it is kept
})
test('a plate that is typed stays until it is kept', async () => {
  const input = document.querySelector<HTMLInputElement>('form input')!
  await type(input, 'dd-ol 417')
  document.querySelector('form')!.dispatchEvent(new SubmitEvent('submit', {bubbles: true, cancelable: true}))
  await settle()
  expect(plates()).toEqual(['DDOL1', 'DDOL2', 'DDOL417'])
  await answer(json({code: 'internal', status: 500}, 500))
  expect([input.value, ...plates()]).toEqual(['dd-ol 417', 'DDOL1', 'DDOL2'])
  document.querySelector('form')!.dispatchEvent(new SubmitEvent('submit', {bubbles: true, cancelable: true}))
  await settle()
  await answer()
  expect([input.value, ...plates()]).toEqual(['', 'DDOL1', 'DDOL2', 'DDOL417'])
})
