// Who is logged in and what they may see. The session is a cookie that scripts cannot read;
// it is the same as the portal's.
import {api, data, Failure, type Schemas} from '@shared/app/api.ts'
import {setPrefs} from '@shared/app/prefs.svelte.ts'
import {done} from '@shared/app/ask.svelte.ts'
import {device, isObject, write} from '@shared/app/stored.ts'

export type Me = Schemas['User']
export type Parking = Schemas['OwnParking']

/** What is known of the visitor. */
export type Visitor =
  | {name: 'asking'}
  | {name: 'nobody'}
  | {name: 'failed'; failure: Failure}
  | {name: 'somebody'; me: Me; parkings: readonly Parking[]; refused: Failure | null}

let visitor = $state.raw<Visitor>({name: 'asking'})

export const who = (): Visitor => visitor
/** The parkings that this account works for, by name. */
export const parkings = (): readonly Parking[] => (visitor.name === 'somebody' ? visitor.parkings : [])
export const parking = (id: string): Parking | undefined => parkings().find(p => p.parking.id === id)
/** Whether money, configuration and team are this account's business, of a parking or at all. */
export const isOwner = (id = ''): boolean => parkings().some(p => p.role !== 'staff' && (!id || p.parking.id === id))
/** The operators, each once. */
export function operators(): {id: string; name: string; role: Schemas['Role']}[] {
  const all = new Map(parkings().map(p => [p.operator, {id: p.operator, name: p.operator_name, role: p.role}]))
  return [...all.values()]
}

// Who is in, for other tabs: of this app, and of the portal, which keeps the same session.
const KEY = 'openlot.desk', PORTALS = 'openlot.session'

/** The session has ended, as the server says. */
export function ended(): void {
  visitor = {name: 'nobody'}
  write(device, KEY, false)
}

// Another tab has signed out, or somebody else in: the server says who is there now.
globalThis.addEventListener?.('storage', e => {
  if (e.key !== KEY && e.key !== PORTALS) return
  const here = visitor.name === 'somebody' ? visitor.me.id : ''
  if (visitor.name !== 'asking' && e.newValue !== JSON.stringify(here || false)) void enter()
})

// Whatever is read, on any page, may be what tells that the session is over. What somebody
// is about to keep stays on the page: it says itself what did not work.
api.use({
  async onResponse({request, response}) {
    if (response.status !== 401 || request.method !== 'GET' || visitor.name !== 'somebody') return
    const said: unknown = await response.clone().json().catch(() => null)
    if (isObject(said) && said['code'] === 'not_logged_in') ended()
  },
})

/** Asks who this is, and what they work for. */
export async function enter(): Promise<void> {
  try {
    const {user} = await data(api.GET('/me'))
    if (visitor.name === 'somebody' && visitor.me.id !== user.id) visitor = {name: 'asking'} // no page of somebody else's stays
    setPrefs({language: user.language, ...(user.hour_cycle && {hours: user.hour_cycle === 'h12' ? '12' : '24'})})
    try {
      const got = await data(api.GET('/owner/parkings'))
      const list = [...got.parkings].sort((a, b) => a.parking.name.localeCompare(b.parking.name))
      visitor = {name: 'somebody', me: user, parkings: list, refused: null}
      write(device, KEY, user.id)
    } catch (e) {
      if (!(e instanceof Failure) || e.code !== 'no_operator' && e.code !== 'second_factor_required') throw e
      visitor = {name: 'somebody', me: user, parkings: [], refused: e}
    }
  } catch (e) {
    const failure = e instanceof Failure ? e : new Failure('internal')
    // A line that is lost for a moment takes nobody's page away.
    if (failure.code === 'not_logged_in') ended()
    else if (visitor.name !== 'somebody') visitor = {name: 'failed', failure}
  }
}

export async function login(email: string, password: string, code: string): Promise<void> {
  await data(api.POST('/login', {body: {email, password, ...(code && {code})}}))
  await enter()
}

export async function leave(): Promise<void> {
  await done(api.POST('/logout'))
  ended()
}
