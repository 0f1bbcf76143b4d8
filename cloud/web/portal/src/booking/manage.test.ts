// @vitest-environment happy-dom
// A booking's page: which token opens it, which answer counts, and whether it is live.
import {afterEach, beforeEach, expect, test, vi} from 'vitest'

const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), {status, headers: {'Content-Type': 'application/json'}})
const of = (version: number, state: string) => ({id: 'rsv_1', version, parking_id: 'altmarkt', state: 'confirmed', payment: {state}})
const gone = () => json({type: '', title: '', detail: '', code: 'reservation_not_found', status: 404}, 404)
let get: (token: string) => Response | Promise<Response> = gone
let streams: (() => Response)[] = []
let tell: (r: unknown) => void = () => {}
const lasting = () => new Response(new ReadableStream({start(c) { tell = r => c.enqueue(new TextEncoder().encode(`event: reservation\ndata: ${JSON.stringify(r)}\n\n`)) }}))
vi.stubGlobal('fetch', async (r: Request | string, init?: RequestInit) => {
  if (typeof r === 'string') { void init; return (streams.shift() ?? lasting)() }
  const path = new URL(r.url).pathname
  if (path === '/reservations/rsv_1') return get(r.headers.get('Authorization')?.replace('Bearer ', '') ?? '')
  throw new TypeError('not asked here')
})
const {Managed} = await import('./manage.svelte.ts')
const {booking, forget, keep} = await import('../bookings.svelte.ts')

let end = () => {}
const settle = () => vi.advanceTimersByTimeAsync(20)
beforeEach(() => { vi.useFakeTimers({now: 1_000_000}); streams = [] })
afterEach(() => { end(); end = () => {}; forget('rsv_1'); vi.useRealTimers() })

test('a token from an address takes the place of a kept one only when the server has taken it', async () => {
  get = t => (t === 'mt_good' || t === 'mt_other' ? json({reservation: of(1, 'authorized')}) : gone())
  keep({id: 'rsv_1', token: 'mt_good'})
  const b = new Managed('rsv_1', 'mt_bad')
  end = b.open()
  expect(booking('rsv_1')?.token).toBe('mt_good')
  await settle()
  expect([booking('rsv_1')?.token, b.token, b.missing, b.r?.version]).toEqual(['mt_good', 'mt_good', false, 1])
  end()
  const c = new Managed('rsv_1', 'mt_other')
  end = c.open()
  await settle()
  expect([booking('rsv_1')?.token, c.token]).toEqual(['mt_other', 'mt_other'])
})

test('an answer that was asked for before the last event does not put the older payment back', async () => {
  let answer: (r: Response) => void = () => {}
  get = () => json({reservation: of(3, 'requested')})
  const b = new Managed('rsv_1', 'mt_1')
  end = b.open()
  await settle()
  get = () => new Promise(done => { answer = done })
  const asked = b.load()
  await settle()
  tell(of(3, 'authorized'))
  await settle()
  expect(b.r?.payment.state).toBe('authorized')
  answer(json({reservation: of(3, 'requested')}))
  await asked
  expect([b.r?.payment.state, booking('rsv_1')?.reservation?.payment.state]).toEqual(['authorized', 'authorized'])
})

test('a stream that is refused, or over, is not live', async () => {
  get = () => json({reservation: of(1, 'captured')})
  for (const [status, said] of [[403, 'refused'], [204, 'over']] as const) {
    streams = [() => new Response(null, {status})]
    const b = new Managed('rsv_1', 'mt_1')
    end = b.open()
    await settle()
    expect(b.still).toBe(said)
    await b.again()
    await settle()
    expect(b.still).toBe('')
    end()
  }
})
