// Who is logged in, as far as this page knows. The session itself is a cookie that
// scripts cannot read.
import {api, type Schemas} from './api.ts'
import {device, read, write} from './stored.ts'

export type Me = Schemas['User']

const KEY = 'openlot.session'
// Earlier versions kept only that somebody was.
const isOwner = (v: unknown): v is string | boolean => typeof v === 'boolean' || typeof v === 'string'

let me = $state.raw<Me | null>(null)
let asked: Promise<Me | null> | null = null

/** The account, when it is known. */
export const known = (): Me | null => me

/** Whose this device is: the account's id; empty: nobody logged in here. */
export const owner = (): string => { const o = read(device, KEY, false, isOwner); return o === true ? '?' : o || '' }

/** Takes what the server said of the account; null: nobody is logged in. */
export function setMe(m: Me | null): void {
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
    if (data) me = data.user
    else if (response.status === 401) setMe(null)
  } catch {
    asked = null // no network: asked again later
  }
  return me
}
