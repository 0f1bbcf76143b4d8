// @vitest-environment happy-dom
// What of an account is on the device, and when it leaves it.
import {afterEach, beforeEach, expect, test, vi} from 'vitest'

let answer: () => Response = () => new Response(null, {status: 500})
const stub = vi.fn(async (_: Request) => answer())
vi.stubGlobal('fetch', stub)
const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), {status, headers: {'Content-Type': 'application/json'}})
const jana = {id: 'acc_jana', email: 'jana@posteo.example', plates: ['DDOL417'], phone: ''}
const kept = (key: string) => JSON.parse(localStorage.getItem(key) ?? 'null') as unknown
const fill = () => {
  localStorage.setItem('openlot.bookings', JSON.stringify([{id: 'mine', token: '', account: 'acc_jana'}, {id: 'old', token: ''}, {id: 'linked', token: 'mt_x', account: 'acc_jana'}, {id: 'guest', token: 'mt_g'}]))
  localStorage.setItem('openlot.driver', JSON.stringify({email: jana.email, plate: 'DD OL 417', phone: ''}))
  sessionStorage.setItem('openlot.attempt.altmarkt', '{}')
}
const load = async () => {
  vi.resetModules()
  return {session: await import('./session.svelte.ts'), list: await import('./bookings.svelte.ts'), driver: await import('./driver.ts')}
}
await load() // once before the tests: what it takes to read the files is not theirs
type Me = NonNullable<ReturnType<Awaited<ReturnType<typeof load>>['session']['known']>>
const user = (u: object) => u as Me
beforeEach(() => { localStorage.clear(); sessionStorage.clear(); stub.mockClear() })
afterEach(() => { localStorage.clear(); sessionStorage.clear() })

async function gone(end: (s: Awaited<ReturnType<typeof load>>['session']) => unknown): Promise<void> {
  localStorage.setItem('openlot.session', '"acc_jana"')
  fill()
  const {session, list, driver} = await load()
  await end(session)
  expect(list.bookings().map(b => b.id)).toEqual(['guest'])
  expect((kept('openlot.bookings') as {id: string}[]).map(b => b.id)).toEqual(['guest'])
  expect(driver.driver()).toEqual({email: '', plate: '', phone: ''})
  expect(kept('openlot.driver')).toBeNull()
  expect(sessionStorage.getItem('openlot.attempt.altmarkt')).toBeNull()
}
test('signing out takes the account’s bookings, details and open requests away; guests’ bookings stay', () => gone(s => s.setMe(null)))
test('so does a session that turns out to have ended', () => { answer = () => json({code: 'not_logged_in'}, 401); return gone(s => s.who()) })
test('and another account', () => gone(s => s.setMe(user({...jana, id: 'acc_otto'}))))
test('the same account again changes nothing, and nor does an answer that nobody was logged in', async () => {
  for (const [session, me] of [['"acc_jana"', user(jana)], ['true', user(jana)], ['false', null]] as const) {
    localStorage.setItem('openlot.session', session)
    fill()
    const {session: s, list, driver} = await load()
    s.setMe(me)
    expect(list.bookings()).toHaveLength(4)
    expect(driver.driver().plate).toBe('DD OL 417')
  }
})
test('only 401 means nobody: anything else is asked again', async () => {
  localStorage.setItem('openlot.session', '"acc_jana"')
  fill()
  const {session, list} = await load()
  for (const status of [500, 503, 429, 403]) {
    answer = () => json({code: 'internal'}, status)
    expect(await session.who()).toBeNull()
  }
  expect(stub).toHaveBeenCalledTimes(4)
  expect(list.bookings()).toHaveLength(4)
  answer = () => json({user: jana})
  expect((await session.who())?.id).toBe('acc_jana')
  await session.who()
  expect(stub).toHaveBeenCalledTimes(5)
})
test('so does whatever else is asked or wanted, where the session was ended elsewhere', async () => {
  for (const ask of ['GET', 'PATCH', 'DELETE'] as const) {
    localStorage.setItem('openlot.session', '"acc_jana"')
    fill()
    const {session, list} = await load()
    const {api} = await import('@shared/app/api.ts')
    answer = () => json({user: jana})
    expect((await session.who())?.id).toBe('acc_jana')
    // Another refusal is no end of it.
    for (const [code, status] of [['login_again', 401], ['wrong_code', 401], ['not_allowed', 403], ['internal', 500]] as const) {
      answer = () => json({code, status}, status)
      await api.PATCH('/me', {body: {name: 'Jana R'}})
      expect(session.known()?.id).toBe('acc_jana')
    }
    answer = () => json({code: 'not_logged_in', status: 401}, 401)
    await (ask === 'GET' ? api.GET('/me/sessions') : ask === 'PATCH' ? api.PATCH('/me', {body: {name: 'Jana R'}}) : api.DELETE('/me/totp'))
    expect(session.known()).toBeNull()
    expect(session.owner()).toBe('')
    expect(list.bookings().map(b => b.id)).toEqual(['guest'])
  }
})
test('what was asked before somebody signed in does not sign him out', async () => {
  const {session} = await load()
  const {api} = await import('@shared/app/api.ts')
  localStorage.setItem('openlot.session', '"acc_otto"')
  let late: (r: Response) => void = () => {}
  stub.mockImplementationOnce(() => new Promise(ok => { late = ok }))
  const asked = api.GET('/me/sessions')
  await vi.waitFor(() => expect(stub).toHaveBeenCalled())
  session.setMe(user(jana))
  late(json({code: 'not_logged_in', status: 401}, 401))
  await asked
  expect(session.known()?.id).toBe('acc_jana')
})
