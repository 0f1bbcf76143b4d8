// Who is logged in, as far as this page knows. The session itself is a cookie that
// scripts cannot read.
import {api, type Schemas} from './api.ts'
import {device, read, write} from './stored.ts'

export type Me = Schemas['User']

const KEY = 'openlot.session'
const isBool = (v: unknown): v is boolean => typeof v === 'boolean'

let me = $state.raw<Me | null>(null)
let asked: Promise<Me | null> | null = null

/** The account, when it is known. */
export const known = (): Me | null => me

/** Takes what the server said of the account; null: nobody is logged in. */
export function setMe(m: Me | null): void {
  me = m
  asked = Promise.resolve(m)
  write(device, KEY, m !== null)
}

/** Asks who is logged in, once. Who never logged in on this device is not asked for. */
export function who(): Promise<Me | null> {
  asked ??= read(device, KEY, false, isBool) ? ask() : Promise.resolve(null)
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
