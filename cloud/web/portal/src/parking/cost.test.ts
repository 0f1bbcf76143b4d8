// @vitest-environment happy-dom
import {flushSync, mount, unmount} from 'svelte'
import {afterEach, beforeEach, expect, test, vi} from 'vitest'
import type {Detail} from './detail.ts'

const eur = (minor: number) => ({minor, currency: 'EUR'})
const json = (body: unknown, status = 200, headers = {}) => new Response(JSON.stringify(body), {status, headers: {'Content-Type': 'application/json', ...headers}})
let quotes = 0, price = 400
/** Answers that come before a price does. */
let before: (() => Response)[] = []
vi.stubGlobal('fetch', async (r: Request) => {
  if (new URL(r.url).pathname === '/parking') return json({id: 'altmarkt', price: eur(100)})
  quotes++
  return before.shift()?.() ?? json({quote: {id: 'q', price: eur(price), price_detail: {tax: eur(0), lines: [], tariff_version: 1}, expires_at: new Date(Date.now() + 600_000).toISOString()}})
})
const {default: Cost} = await import('./Cost.svelte')
const {setPrefs} = await import('@shared/app/prefs.svelte.ts')

let app: Record<string, unknown> | undefined
const space = {type: 'standard', available: 12} as Detail['space_types'][number]
function open(early = 100, live = true): void {
  const parking = {id: 'altmarkt', timezone: 'Europe/Berlin', policies: {early_charge_percent: early}, space_types: []} as unknown as Detail
  app = mount(Cost, {target: document.body, props: {parking, type: 'standard', space, win: {from: 0, to: 7_200_000}, current: true, live, near: () => {}}})
  flushSync()
}
const pass = async (ms: number) => { await vi.advanceTimersByTimeAsync(ms); flushSync() }
async function close(): Promise<void> {
  if (app) await unmount(app)
  app = undefined
  document.body.replaceChildren()
}
beforeEach(() => {
  vi.useFakeTimers()
  setPrefs({language: 'en'})
  quotes = 0
  price = 400
  before = []
})
afterEach(async () => { await close(); vi.useRealTimers() })

test('without a line no number is said as if it were of now, and reserving asks again', async () => {
  for (const [live, said, not] of [[true, '12 free for your time', 'asked again'], [false, 'is asked again when you reserve', '12 free']] as const) {
    open(100, live)
    expect(document.body.textContent).toContain(said)
    expect(document.body.textContent).not.toContain(not)
    await close()
  }
})
test('a tab that nobody looks at asks for no price; whoever comes back sees a new one', async () => {
  let hidden = false
  Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden})
  const turn = (to: boolean) => { hidden = to; document.dispatchEvent(new Event('visibilitychange')); flushSync() }
  try {
    open()
    await pass(100)
    expect(quotes).toBe(1)
    await pass(580_000)
    expect(quotes).toBe(2) // before it runs out
    turn(true)
    await pass(3_600_000)
    expect(quotes).toBe(2)
    turn(false)
    await pass(1_000)
    expect(quotes).toBe(3)
  } finally { Reflect.deleteProperty(document, 'hidden') }
})
test('the least of leaving early is the cloud’s: what is below a cent is dropped', async () => {
  price = 999
  open(50)
  await pass(200)
  expect(document.body.textContent).toContain('€4.99')
  expect(document.body.textContent).not.toContain('€5.00')
})
test('asked too often: it is asked again by itself when the answer says so', async () => {
  before = [() => json({type: '', title: '', detail: '', status: 429, code: 'too_many_requests'}, 429, {'Retry-After': '7'})]
  open()
  await pass(6_000)
  expect(quotes).toBe(1)
  await pass(1_500)
  expect(quotes).toBe(2)
  expect(document.body.textContent).toContain('€4.00')
})
