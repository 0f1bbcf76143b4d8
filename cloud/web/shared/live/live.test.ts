// @vitest-environment happy-dom
import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest'
import {reader} from './frames.ts'
import {live, pause, type State} from './live.ts'

describe('the reader', () => {
  it('takes pieces cut anywhere', () => {
    const all = 'retry: 500\n\n: hello\r\nid: 7\r\nevent: availability\r\ndata: {"a":\r\ndata: 1}\r\n\r\n'
    for (let cut = 0; cut <= all.length; cut++) {
      const read = reader()
      const got = [...read(all.slice(0, cut)), ...read(all.slice(cut))]
      expect(got, `cut at ${cut}`).toEqual([
        {event: 'message', data: '', id: null, retry: 500},
        {event: 'availability', data: '{"a":\n1}', id: '7', retry: null},
      ])
    }
  })
})

describe('the stream', () => {
  beforeEach(() => { vi.useFakeTimers() })
  afterEach(() => { vi.useRealTimers() })

  const stream = (text: string, open = false) => new Response(new ReadableStream({
    start(c) { c.enqueue(new TextEncoder().encode(text)); if (!open) c.close() },
  }))
  function run(answers: (() => Response | Promise<Response>)[], url = '/x') {
    const seen: unknown[] = [], states: State[] = [], asked: Record<string, string>[] = [], sent: (RequestInit | undefined)[] = []
    const stop = live({
      url, headers: {Authorization: 'Bearer t'}, random: () => 1, now: () => 42,
      event: (name, data) => seen.push([name, data]), state: s => states.push(s),
      fetch: async (_, init) => {
        sent.push(init)
        asked.push(init?.headers as Record<string, string>)
        const next = answers.shift()
        if (!next) throw new TypeError('no network')
        return next()
      },
    })
    return {seen, states, asked, sent, stop}
  }

  it('comes back with the last id, after the pause the server asked for', async () => {
    const r = run([() => stream('retry: 100\nid: 5\nevent: a\ndata: 1\n\n'), () => new Response(null, {status: 204})])
    await vi.advanceTimersByTimeAsync(0)
    expect(r.seen).toEqual([['a', 1]])
    expect(r.states.map(s => s.name)).toEqual(['connecting', 'live', 'offline'])
    await vi.advanceTimersByTimeAsync(99)
    expect(r.asked).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(r.asked[1]).toMatchObject({'Last-Event-ID': '5', Authorization: 'Bearer t'})
    expect(r.states.at(-1)).toEqual({name: 'over'})
    await vi.advanceTimersByTimeAsync(100_000)
    expect(r.asked).toHaveLength(2)
  })
  it('says since when it is offline, waits longer each time, and asks at once when the network is back', async () => {
    const r = run([])
    await vi.advanceTimersByTimeAsync(0)
    expect(r.states.at(-1)).toEqual({name: 'offline', since: 42})
    await vi.advanceTimersByTimeAsync(1_000 + 2_000 + 4_000)
    expect(r.asked).toHaveLength(4)
    globalThis.dispatchEvent(new Event('online'))
    await vi.advanceTimersByTimeAsync(0)
    expect(r.asked).toHaveLength(5)
    r.stop()
    await vi.advanceTimersByTimeAsync(100_000)
    expect(r.asked).toHaveLength(5)
  })
  it('has one stream at a time: what is in flight when the network comes back is given up and says nothing more', async () => {
    let late: (r: Response) => void = () => {}
    const r = run([() => { throw new TypeError('cut') }, () => new Promise(done => { late = done }), () => stream('event: b\ndata: 2\n\n', true)])
    await vi.advanceTimersByTimeAsync(1_000)
    expect(r.sent).toHaveLength(2)
    globalThis.dispatchEvent(new Event('online'))
    await vi.advanceTimersByTimeAsync(0)
    expect(r.sent).toHaveLength(3)
    expect(r.sent[1]?.signal?.aborted).toBe(true)
    late(stream('event: a\ndata: 1\n\n'))
    await vi.advanceTimersByTimeAsync(30_000)
    expect(r.seen).toEqual([['b', 2]])
    expect(r.sent).toHaveLength(3)
    expect(r.states.at(-1)).toEqual({name: 'live'})
    r.stop()
  })
  it('carries the session, to an API elsewhere, too', async () => {
    for (const [url, mode] of [['/x', 'same-origin'], ['https://api.example.org/x', 'include']] as const) {
      const r = run([() => stream('', true)], url)
      await vi.advanceTimersByTimeAsync(0)
      expect(r.sent[0]?.credentials).toBe(mode)
      r.stop()
    }
  })
  it('does not ask again for what is refused', async () => {
    const r = run([() => new Response('', {status: 404})])
    await vi.advanceTimersByTimeAsync(100_000)
    expect(r.states.at(-1)).toEqual({name: 'refused', status: 404})
    expect(r.asked).toHaveLength(1)
  })
})

it('spreads those who come back', () => {
  expect(pause(0, null, 0)).toBe(500)
  expect(pause(0, null, 1)).toBe(1000)
  expect(pause(99, null, 1)).toBe(30_000)
  expect(pause(1, 200, 1)).toBe(400)
})
