// Logging in, and what follows from it.
import {api, data, type Schemas} from '@shared/app/api.ts'
import {setPrefs} from '@shared/app/prefs.svelte.ts'
import {setMe, type Me} from '../session.svelte.ts'

/** Takes over who is logged in; the account's language, clock and second currency become this device's. */
export function entered(user: Me): void {
  setMe(user)
  setPrefs({language: user.language, currency: user.currency, ...(user.hour_cycle && {hours: user.hour_cycle === 'h12' ? '12' : '24'})})
}

export async function login(email: string, password: string, code: string): Promise<void> {
  const body: Schemas['LoginRequest'] = {email, password, ...(code && {code})}
  entered((await data(api.POST('/login', {body}))).user)
}

/** Where to go after logging in: only to a page of this app. */
export const after = (then: string): string => (/^#\/[^/]/.test(then) ? then : '#/bookings')
