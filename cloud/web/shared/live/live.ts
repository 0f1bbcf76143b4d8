// A live stream that comes back by itself. EventSource cannot send the manage
// token and hides why it failed, so this reads the stream with fetch.
import {credentials} from '../api/credentials.ts'
import {reader} from './frames.ts'

export type State =
  | {name: 'connecting'} | {name: 'live'} | {name: 'over'}
  | {name: 'offline'; since: number} // asked again after a while, for ever
  | {name: 'refused'; status: number} // asking again would not help

export interface Options {
  url: string
  headers?: Record<string, string>
  event: (name: string, data: unknown) => void
  state: (s: State) => void
  /** Is told the time in an answer, and when that was asked for. */
  date?: (date: string | null, asked: number) => void
  /** Nothing, not even a comment, for so long: the line is dead. */
  silence?: number
  fetch?: typeof fetch
  random?: () => number
  now?: () => number
}

const FIRST = 1_000
const MOST = 30_000

/** How long until the next try: at random, so that those who were cut off together do not come back together. */
export function pause(tries: number, asked: number | null, random: number): number {
  const base = Math.min(MOST, (asked ?? FIRST) * 2 ** Math.min(tries, 10))
  return Math.round(base / 2 + (random * base) / 2)
}

/** Starts the stream; the result stops it. */
export function live(o: Options): () => void {
  const ask = o.fetch ?? fetch, random = o.random ?? Math.random, now = o.now ?? Date.now
  let last: string | null = null, asked: number | null = null, tries = 0
  let since: number | null = null, stopped = false
  let abort = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined

  const lost = () => {
    if (stopped) return
    since ??= now()
    o.state({name: 'offline', since})
    timer = setTimeout(connect, pause(tries++, asked, random()))
  }
  const end = (s: State) => { stop(); o.state(s) }

  async function connect(): Promise<void> {
    clearTimeout(timer)
    abort.abort() // one at a time: the one in flight, if any, is over and says nothing more
    abort = new AbortController()
    const mine = abort
    let watch: ReturnType<typeof setTimeout> | undefined
    const heard = () => { clearTimeout(watch); watch = setTimeout(() => mine.abort(), o.silence ?? 45_000) }
    try {
      heard()
      const begun = Date.now()
      const r = await ask(o.url, {
        headers: {Accept: 'text/event-stream', ...o.headers, ...(last !== null && {'Last-Event-ID': last})}, signal: mine.signal, cache: 'no-store', credentials: credentials(o.url),
      })
      if (stopped || mine !== abort) return
      o.date?.(r.headers.get('Date'), begun)
      if (r.status === 204) return end({name: 'over'})
      if (r.status >= 400 && r.status < 500 && r.status !== 408 && r.status !== 429) return end({name: 'refused', status: r.status})
      if (!r.ok || !r.body) throw new Error(`stream: ${r.status}`)
      since = null
      o.state({name: 'live'})
      const read = reader(), body = r.body.getReader(), text = new TextDecoder()
      for (;;) {
        const {done, value} = await body.read()
        if (stopped || mine !== abort) return
        if (done) break
        heard()
        for (const f of read(text.decode(value, {stream: true}))) {
          if (f.retry !== null) asked = f.retry
          if (f.id !== null) last = f.id
          if (!f.data) continue
          tries = 0 // it works, not merely connects
          o.event(f.event, JSON.parse(f.data))
        }
      }
    } catch {
      // cut off, or what came was not readable: the next try tells
    } finally {
      clearTimeout(watch)
      mine.abort()
    }
    if (mine === abort) lost()
  }
  // The browser knows first that the line is gone; an open stream may not notice for long.
  const gone = () => { if (!stopped) abort.abort() }
  const back = () => { if (since !== null && !stopped) { tries = 0; void connect() } }
  function stop() {
    stopped = true
    clearTimeout(timer)
    abort.abort()
    globalThis.removeEventListener?.('online', back)
    globalThis.removeEventListener?.('offline', gone)
  }
  globalThis.addEventListener?.('online', back)
  globalThis.addEventListener?.('offline', gone)
  o.state({name: 'connecting'})
  void connect()
  return stop
}
