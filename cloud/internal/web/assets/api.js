// Calls to the API, and streams that come back by themselves.

/** A failed call: what problem+json said, or that nobody answered. */
export class Failure extends Error {
  constructor(problem, status) {
    super(problem.detail || 'The answer could not be read.')
    this.code = problem.code || ''
    this.status = status
    this.fields = problem.fields || {}
  }
  get offline() { return this.status === 0 }
}

export async function call(method, path, {body, token, headers = {}, signal} = {}) {
  const h = {Accept: 'application/json', ...headers}
  if (body !== undefined) h['Content-Type'] = 'application/json'
  if (token) h.Authorization = 'Bearer ' + token
  let r
  try {
    r = await fetch(path, {method, headers: h, body: body === undefined ? undefined : JSON.stringify(body), signal, cache: 'no-store'})
  } catch (e) {
    if (e.name === 'AbortError') throw e
    throw new Failure({code: 'offline', detail: 'Nobody answered. Check the connection; sending it again is safe.'}, 0)
  }
  const text = await r.text()
  let json = {}
  try { json = text ? JSON.parse(text) : {} } catch { /* a proxy's own page: Failure says that it could not be read */ }
  if (!r.ok) throw new Failure(json, r.status)
  return json
}

/**
 * A stream of a list or a parking. on.<event>(data) for each event, on.up(),
 * on.down(since) when it has been silent for longer than it should. Returns a
 * function that ends it.
 */
export function listen(path, on) {
  let source, timer, slow, ended = false, wait = 1000, lostAt = 0
  const lost = () => {
    if (!lostAt) {
      lostAt = Date.now()
      slow = setTimeout(() => on.down(lostAt), 3000)
    }
  }
  const open = () => {
    source = new EventSource(path)
    for (const name of Object.keys(on)) {
      if (name === 'up' || name === 'down') continue
      source.addEventListener(name, e => {
        clearTimeout(slow)
        lostAt = 0
        wait = 1000
        on.up?.()
        on[name](JSON.parse(e.data))
      })
    }
    source.onerror = () => {
      lost()
      if (source.readyState === EventSource.CLOSED && !ended) { // refused: the browser does not try again
        timer = setTimeout(open, wait * (0.75 + Math.random() / 2))
        wait = Math.min(wait * 2, 20_000)
      }
    }
  }
  open()
  lost() // until the first event
  return () => { ended = true; clearTimeout(timer); clearTimeout(slow); source.close() }
}

/**
 * A stream that needs a token, which is kept out of the address. Same
 * callbacks; on.end() when the server says that nothing more will come.
 */
export function listenAs(token, path, on) {
  const stop = new AbortController()
  let lostAt = 0, slow
  const lost = () => {
    if (!lostAt) {
      lostAt = Date.now()
      slow = setTimeout(() => on.down?.(lostAt), 3000)
    }
  }
  const run = async () => {
    let last = '', wait = 1000
    lost()
    while (!stop.signal.aborted) {
      try {
        const headers = {Accept: 'text/event-stream', Authorization: 'Bearer ' + token}
        if (last) headers['Last-Event-ID'] = last
        const r = await fetch(path, {headers, signal: stop.signal, cache: 'no-store'})
        if (r.status === 204) return on.end?.()
        if (!r.ok) throw new Error(String(r.status))
        await events(r.body, e => {
          clearTimeout(slow)
          lostAt = 0
          wait = 1000
          if (e.id) last = e.id
          on.up?.()
          on[e.event]?.(JSON.parse(e.data))
        })
      } catch {
        if (stop.signal.aborted) return
      }
      lost()
      await new Promise(done => setTimeout(done, wait * (0.75 + Math.random() / 2)))
      wait = Math.min(wait * 2, 20_000)
    }
  }
  run()
  return () => { clearTimeout(slow); stop.abort() }
}

async function events(body, each) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  for (let rest = ''; ;) {
    const {value, done} = await reader.read()
    if (done) return
    const frames = (rest + value).replaceAll('\r\n', '\n').split('\n\n')
    rest = frames.pop()
    for (const frame of frames) {
      const e = {event: 'message', data: '', id: ''}
      for (const line of frame.split('\n')) {
        const i = line.indexOf(':')
        if (i > 0) e[line.slice(0, i)] = line.slice(i + 1).trimStart()
      }
      if (e.data) each(e)
    }
  }
}

export function query(params) {
  const q = new URLSearchParams()
  for (const [k, v] of Object.entries(params)) if (v !== undefined && v !== null && v !== '') q.set(k, v)
  return q.toString()
}

/** Seconds precision: what the API's times have. */
export const iso = t => new Date(t).toISOString().replace(/\.\d+Z$/, 'Z')
