// Who is logged in and what they may see. The session is a cookie that scripts cannot read;
// it is the same as the portal's.
import {api, data, Failure, type Schemas} from '@shared/app/api.ts'
import {setPrefs} from '@shared/app/prefs.svelte.ts'
import {done} from '@shared/app/ask.svelte.ts'

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

/** The session has ended, as the server says. */
export const ended = (): void => { visitor = {name: 'nobody'} }

/** Asks who this is, and what they work for. */
export async function enter(): Promise<void> {
  try {
    const {user} = await data(api.GET('/me'))
    setPrefs({language: user.language, ...(user.hour_cycle && {hours: user.hour_cycle === 'h12' ? '12' : '24'})})
    try {
      const got = await data(api.GET('/owner/parkings'))
      const list = [...got.parkings].sort((a, b) => a.parking.name.localeCompare(b.parking.name))
      visitor = {name: 'somebody', me: user, parkings: list, refused: null}
    } catch (e) {
      if (!(e instanceof Failure) || e.code !== 'no_operator' && e.code !== 'second_factor_required') throw e
      visitor = {name: 'somebody', me: user, parkings: [], refused: e}
    }
  } catch (e) {
    const failure = e instanceof Failure ? e : new Failure('internal')
    visitor = failure.code === 'not_logged_in' ? {name: 'nobody'} : {name: 'failed', failure}
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
