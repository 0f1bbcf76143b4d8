// @vitest-environment happy-dom
// A reservation whose answer is lost, asked again: the same one.
import {flushSync, mount, unmount} from 'svelte'
import {afterEach, beforeEach, expect, test, vi} from 'vitest'

const quotes = {asked: 0}
let tokens = 0
let session = true
const sent: {key: string | null; body: string; credentials: string}[] = []
let answers: (() => Response)[] = []
const json = (body: unknown, status = 200, headers = {}) => new Response(JSON.stringify(body), {status, headers: {'Content-Type': 'application/json', ...headers}})
/** What an answer about a kind of space waits for. */
const held: Record<string, Promise<void>> = {}
/** The server's clock, which its answers tell of when they are dated. */
const SERVER = Date.parse('2026-06-11T05:00:00Z')
let dated = false, begun = 0
const eur = (minor: number) => ({minor, currency: 'EUR'})
const parking = {id: 'altmarkt', name: 'Altmarkt', timezone: 'Europe/Berlin', latitude: 51, longitude: 13, space_types: [{type: 'standard', capacity: 9}], policies: {}}
const quote = () => ({id: `qte_${++quotes.asked}`, price: eur(1500), price_detail: {tax: eur(0), lines: [], tariff_version: 1}, expires_at: new Date(SERVER + performance.now() - begun + 600_000).toISOString()})
const stub = vi.fn(async (r: Request) => {
  const path = new URL(r.url).pathname
  if (path === '/parking') return json(parking)
  if (path === '/quotes') {
    const {space_type} = await r.json() as {space_type: string}, q = {...quote(), space_type}
    await held[space_type]
    return json({quote: {...q, price: eur(space_type === 'ev' ? 2500 : 1500)}}, 200, dated ? {Date: new Date(SERVER + performance.now() - begun).toUTCString()} : {})
  }
  if (path === '/reservations/rsv_1') return session ? json({reservation: {id: 'rsv_1', version: 1}}) : json({code: 'not_found', status: 404}, 404)
  if (path !== '/reserve') throw new TypeError(`not asked here: ${path}`)
  sent.push({key: r.headers.get('Idempotency-Key'), body: await r.text(), credentials: r.credentials})
  const next = answers.shift()
  if (!next) throw new TypeError('the answer is lost')
  return next()
})
vi.stubGlobal('fetch', stub)
// A card form gives another token each time it is asked.
vi.mock('./CardFields.svelte', () => ({default: (_: unknown, p: {ready: (f: {token: () => Promise<string>}) => void}) => queueMicrotask(() => p.ready({token: async () => `pm_${++tokens}`}))}))
vi.mock('./Money.svelte', () => ({default: () => {}}))

// After the stubs: the client takes fetch when it is made.
const {default: Checkout} = await import('./Checkout.svelte')
const {setMe} = await import('../session.svelte.ts')
const {forget, keep} = await import('../bookings.svelte.ts')

let app: Record<string, unknown> | undefined
const settle = async () => { await vi.advanceTimersByTimeAsync(50); flushSync() }
async function open(): Promise<void> {
  app = mount(Checkout, {target: document.body, props: {route: {name: 'checkout', id: 'altmarkt', type: 'standard'}, settitle: () => {}}})
  await settle()
}
async function close(): Promise<void> {
  if (app) await unmount(app)
  app = undefined
  document.body.replaceChildren()
}
async function press(): Promise<void> {
  document.querySelector('form')?.dispatchEvent(new Event('submit', {bubbles: true, cancelable: true}))
  await settle()
}
const problem = (code: string, status: number) => json({type: '', title: '', detail: '', status, code}, status)

beforeEach(() => {
  vi.useFakeTimers({now: Date.parse('2026-06-11T05:00:00Z')})
  localStorage.setItem('openlot.driver', JSON.stringify({email: 'jana@posteo.example', plate: '', phone: ''}))
  tokens = quotes.asked = 0
  dated = false
  begun = performance.now()
  sent.length = 0
  answers = []
})
afterEach(async () => { await close(); sessionStorage.clear(); localStorage.clear(); vi.useRealTimers() })

test('the same key and the same body, with the first card token, when the first answer is lost', async () => {
  await open()
  await press()
  await press()
  expect(sent).toHaveLength(2)
  expect(sent[1]).toEqual(sent[0])
  expect(sent[0]?.body).toContain('pm_1')
  expect(tokens).toBe(1)
})
test('the price that runs out between is not asked again, and the body stays', async () => {
  await open()
  await press()
  await vi.advanceTimersByTimeAsync(3_600_000)
  await press()
  expect(quotes.asked).toBe(1)
  expect(sent[1]).toEqual(sent[0])
})
test('a reload keeps it; an answer of 5xx or that it is in progress does, too; one that refuses ends it', async () => {
  await open()
  await press()
  await close()
  await open()
  expect(document.body.textContent).toContain('We cannot say yet whether it worked')
  answers = [() => problem('internal', 500), () => problem('request_in_progress', 409), () => problem('payment_declined', 402)]
  await press(); await press(); await press()
  expect(sent).toHaveLength(4)
  for (const s of sent) expect(s).toEqual(sent[0])
  await press()
  expect(sent).toHaveLength(5)
  expect(sent[4]?.key).not.toBe(sent[0]?.key)
  expect(sent[4]?.body).toContain('pm_2')
})
test('a guest’s attempt is sent without a session, so that it stays a guest’s', async () => {
  await open()
  await press()
  expect(sent[0]?.credentials).toBe('omit')
})

test('made while signed in: with the account’s address, kept without its token; if the session had ended, with it', async () => {
  const made = () => json({reservation: {id: 'rsv_1', manage_token: 'mt_1', version: 1}}, 201)
  for (const there of [true, false]) {
    setMe({id: 'acc_jana', email: 'account@posteo.example', plates: [] as string[], phone: ''} as Parameters<typeof setMe>[0])
    session = there
    answers = [made]
    await open()
    await press()
    expect(sent.at(-1)?.body).toContain('account@posteo.example')
    expect(sent.at(-1)?.credentials).not.toBe('omit')
    expect(JSON.parse(localStorage.getItem('openlot.bookings') ?? '[]')[0]).toMatchObject(there ? {id: 'rsv_1', token: '', account: 'acc_jana'} : {id: 'rsv_1', token: 'mt_1'})
    await close()
    forget('rsv_1')
  }
})

test('whoever reserves where there is little height is told before he pays', async () => {
  await open()
  expect(document.body.textContent).not.toContain('Only for vehicles')
  await close()
  Object.assign(parking, {facts: {max_height_cm: 200}})
  await open()
  expect(document.body.textContent).toContain('Only for vehicles under 2.00 m high')
  Object.assign(parking, {facts: undefined})
})
test('the portal asks for its space to be kept when a card is refused', async () => {
  await open()
  await press()
  expect(sent[0]?.body).toContain('"keep_when_declined":true')
})
test('who has this time here already is shown it, and goes on only when that is meant', async () => {
  keep({id: 'rsv_7', token: 't', reservation: {id: 'rsv_7', parking_id: 'altmarkt', state: 'confirmed', from: '2020-01-01T00:00:00Z', to: '2050-01-01T00:00:00Z', version: 1} as never})
  try {
    await open()
    expect(document.body.textContent).toContain('You already have this time here')
    expect(document.querySelector('a[href="#/r/rsv_7"]')).not.toBeNull()
    await press()
    expect(sent).toHaveLength(0)
    for (const b of document.querySelectorAll('button')) if (b.textContent === 'Reserve one more') b.click()
    await settle()
    await press()
    expect(sent).toHaveLength(1)
  } finally { forget('rsv_7') }
})
test('the checkout is replaced by the booking: back does not lead to it', async () => {
  const replace = vi.spyOn(location, 'replace')
  answers = [() => json({reservation: {id: 'rsv_1', version: 1}})]
  await open()
  expect(document.querySelector('.stickybar')?.textContent).toContain('hold · price stands until')
  await press()
  expect(replace).toHaveBeenCalledWith('#/r/rsv_1')
  forget('rsv_1')
})

test('a clock that is wrong: the price is asked anew when it runs out, not again and again', async () => {
  vi.setSystemTime(SERVER + 3_600_000) // an hour fast
  await open()
  await vi.advanceTimersByTimeAsync(59_000)
  expect(quotes.asked).toBe(1)
  await vi.advanceTimersByTimeAsync(240_000)
  expect(quotes.asked).toBeLessThanOrEqual(6) // nobody tells the time: once a minute at the most
  await close()
  dated = true
  quotes.asked = 0
  await open()
  await vi.advanceTimersByTimeAsync(500_000)
  expect(quotes.asked).toBe(1)
  await vi.advanceTimersByTimeAsync(110_000)
  expect(quotes.asked).toBe(2)
})
test('of two kinds of space asked about one after the other the later one’s price is shown, whichever answer comes last', async () => {
  const kinds = parking.space_types
  parking.space_types = [{type: 'standard', capacity: 9}, {type: 'ev', capacity: 2}]
  let late = () => {}
  try {
    await open()
    const pick = (type: string) => document.querySelector<HTMLInputElement>(`input[value=${type}]`)?.dispatchEvent(new Event('change', {bubbles: true}))
    held['ev'] = new Promise(ok => { late = ok })
    pick('ev')
    await settle()
    pick('standard')
    await settle()
    late()
    await settle()
    expect(document.querySelector('.stickybar')?.textContent).toContain('€15.00')
    expect(quotes.asked).toBe(3)
  } finally {
    parking.space_types = kinds
    delete held['ev']
  }
})
