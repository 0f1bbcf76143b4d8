// Who is logged in, as far as this page knows. The session itself is a cookie that
// scripts cannot read.
import {api, type Schemas} from '@shared/app/api.ts'
import {disown} from './bookings.svelte.ts'
import {forgetAttempts} from './checkout/attempt.ts'
import {forgetDriver} from './driver.ts'
import {device, isObject, read, write} from '@shared/app/stored.ts'

export type Me = Schemas['User']

const KEY = 'openlot.session'
// Earlier versions kept only that somebody was logged in.
const isOwner = (v: unknown): v is string | boolean => typeof v === 'boolean' || typeof v === 'string'
const SOMEBODY = '?'

let me = $state.raw<Me | null>(null)
let asked: Promise<Me | null> | null = null

// Another tab has signed out, or somebody else in.
globalThis.addEventListener?.('storage', e => { if (e.key === KEY && me && owner() !== me.id) { me = null; asked = null } })

// So has the dashboard, which has the same session: the server says whether it is over.
globalThis.addEventListener?.('storage', e => { if (e.key === 'openlot.desk' && e.newValue === 'false' && owner()) void ask() })

// Whatever is asked may be what tells that the session has been ended elsewhere. An answer to what was
// asked before somebody signed in says nothing of him.
const since = new WeakMap<Request, number>()
let turn = 0
api.use({
  onRequest({request}) { since.set(request, turn) },
  async onResponse({request, response}) {
    if (response.status !== 401 || !owner()) return
    const said: unknown = await response.clone().json().catch(() => null)
    if (isObject(said) && said['code'] === 'not_logged_in' && since.get(request) === turn) setMe(null)
  },
})

/** The account, when it is known. */
export const known = (): Me | null => me

/** Whose this device is: the account's id; empty: nobody logged in here. */
export function owner(): string {
  const o = read(device, KEY, false, isOwner)
  return o === true ? SOMEBODY : o || ''
}

/** Takes what the server said of the account; null: nobody is logged in. Then, and when it is another's, what was the account's leaves the device. */
export function setMe(m: Me | null): void {
  const before = owner()
  if (before && (!m || before !== SOMEBODY && before !== m.id)) {
    disown()
    forgetDriver()
    forgetAttempts()
  }
  if (m?.id !== before) turn++
  me = m
  asked = Promise.resolve(m)
  write(device, KEY, m?.id ?? false)
}

/** Asks who is logged in, once. Who never logged in on this device is not asked for. */
export function who(): Promise<Me | null> {
  asked ??= owner() ? ask() : Promise.resolve(null)
  return asked
}

async function ask(): Promise<Me | null> {
  try {
    const {data, response} = await api.GET('/me')
    if (data) setMe(data.user)
    else if (response.status === 401) setMe(null)
    else asked = null // anything else does not say who: asked again later
  } catch {
    asked = null // no network: asked again later
  }
  return me
}
