// The service worker: the portal opens without a network, and so does the pass that
// is kept on the device. It keeps built files only; the API it leaves alone.
import {how} from './rules.ts'

/** What the build writes in: the files, the script that the page must name, and a name of it all. */
declare const BUILT: {files: string[]; entry: string; version: string}

interface Extendable extends Event { waitUntil(p: Promise<unknown>): void }
interface Fetching extends Extendable { request: Request; respondWith(r: Promise<Response>): void }
interface Worker {
  location: Location
  clients: {claim(): Promise<void>}
  skipWaiting(): Promise<void>
  addEventListener(type: 'install' | 'activate', f: (e: Extendable) => void): void
  addEventListener(type: 'fetch', f: (e: Fetching) => void): void
  addEventListener(type: 'message', f: (e: MessageEvent) => void): void
}
const worker = self as unknown as Worker
const NAME = `openlot-portal-${BUILT.version}`
const PATIENCE = 4_000

worker.addEventListener('install', e => e.waitUntil(install()))
worker.addEventListener('activate', e => e.waitUntil(activate()))
worker.addEventListener('message', e => { if (e.data === 'take over') void worker.skipWaiting() })
worker.addEventListener('fetch', e => {
  const what = how(e.request, worker.location.origin)
  if (what === 'page') e.respondWith(page())
  else if (what === 'file') e.respondWith(file(e.request))
})

async function install(): Promise<void> {
  const cache = await caches.open(NAME)
  const index = await fetch('/', {cache: 'reload', credentials: 'same-origin'})
  // While a server is being replaced the page may be of another version than this: then later.
  if (!index.ok || !(await index.clone().text()).includes(BUILT.entry)) throw new Error('the page is of another version')
  await cache.put('/', index)
  await cache.addAll(BUILT.files)
}

async function activate(): Promise<void> {
  for (const name of await caches.keys()) if (name.startsWith('openlot-portal-') && name !== NAME) await caches.delete(name)
  await worker.clients.claim()
}

async function page(): Promise<Response> {
  const gone = new AbortController()
  const timer = setTimeout(() => gone.abort(), PATIENCE)
  try {
    const fresh = await fetch('/', {signal: gone.signal, credentials: 'same-origin'})
    if (fresh.ok) return fresh
  } catch {
    // no network, or a very slow one: the kept page
  } finally {
    clearTimeout(timer)
  }
  return (await caches.match('/')) ?? Response.error()
}

async function file(request: Request): Promise<Response> {
  return (await caches.match(request, {ignoreSearch: true})) ?? fetch(request)
}
