// The one client of this app. The API is where the page comes from, unless the
// page says otherwise (a portal on a CDN).
import {client as plain} from '../api/client.ts'
import {heard} from './clock.svelte.ts'

export {data, Failure, refusal} from '../api/client.ts'
export type {Schemas} from '../api/client.ts'

export const base = document.querySelector<HTMLMetaElement>('meta[name=openlot-api]')?.content.replace(/\/$/, '') ?? ''

/** A client that learns the server's time from answers that no cache has kept. */
function client(token?: string) {
  const c = plain(base, token), sent = new WeakMap<Request, number>()
  c.use({
    onRequest: ({request}) => { sent.set(request, Date.now()) },
    onResponse: ({request, response}) => {
      const asked = sent.get(request)
      if (asked !== undefined && (request.method !== 'GET' || response.headers.get('Cache-Control')?.includes('no-store'))) heard(response.headers.get('Date'), asked)
    },
  })
  return c
}

/** For what anybody may ask, and for what a session may. */
export const api = client()

/** With a booking's manage token. */
export const as = (token: string) => client(token)

/** The API's times have a precision of seconds. */
export const iso = (t: number): string => new Date(t).toISOString().replace(/\.\d+Z$/, 'Z')

/** A random text that makes sending a request again safe. */
export const freshKey = (): string => Array.from(crypto.getRandomValues(new Uint8Array(16)), b => b.toString(16).padStart(2, '0')).join('')

/** A query string of what is there. */
export function query(params: Record<string, string | number | null | undefined>): string {
  const q = new URLSearchParams()
  for (const [k, v] of Object.entries(params)) if (v !== undefined && v !== null && v !== '') q.set(k, String(v))
  return q.toString()
}
