// @vitest-environment happy-dom
// The dashboard has the portal's session: what it says reaches the portal's tabs. One page, so a file of its own.
import {expect, test, vi} from 'vitest'

const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), {status, headers: {'Content-Type': 'application/json'}})
let answer = () => json({user: {id: 'acc_jana', email: 'jana@posteo.example', plates: [], phone: ''}})
vi.stubGlobal('fetch', vi.fn(async () => answer()))

test('signed out there, nobody is signed in here, and what was the account’s has left the device', async () => {
  localStorage.setItem('openlot.session', '"acc_jana"')
  localStorage.setItem('openlot.bookings', JSON.stringify([{id: 'mine', token: '', account: 'acc_jana'}, {id: 'guest', token: 'mt_g'}]))
  const session = await import('./session.svelte.ts'), list = await import('./bookings.svelte.ts')
  expect((await session.who())?.id).toBe('acc_jana')
  answer = () => json({code: 'not_logged_in'}, 401)
  dispatchEvent(Object.assign(new Event('storage'), {key: 'openlot.desk', newValue: 'false'}))
  await vi.waitFor(() => expect(session.known()).toBeNull())
  expect(list.bookings().map(b => b.id)).toEqual(['guest'])
})
