// @vitest-environment happy-dom
// Who is in, when that changes elsewhere: in another tab, on another device.
import {beforeEach, expect, test, vi} from 'vitest'

let me: {id: string} | null = {id: 'acc_1'}
const asked: string[] = []
const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), {status, headers: {'Content-Type': 'application/json'}})
let line = true
vi.stubGlobal('fetch', vi.fn(async (r: Request) => {
  const path = new URL(r.url).pathname
  asked.push(`${r.method} ${path}`)
  if (!line) throw new TypeError('no line')
  if (!me) return json({code: 'not_logged_in', status: 401}, 401)
  if (path === '/me') return json({user: {...me, email: 'o@posteo.example', language: 'en', hour_cycle: ''}})
  if (path === '/owner/parkings') return json({parkings: [{parking: {id: 'altmarkt', name: 'Altmarkt'}, role: 'owner', operator: 'opr_1', operator_name: 'Stadt'}]})
  return json({}, 200)
}))
const settle = () => new Promise(done => setTimeout(done, 5))
const told = (key: string, value: unknown) => dispatchEvent(Object.assign(new Event('storage'), {key, newValue: JSON.stringify(value)}))
const load = async () => {
  vi.resetModules()
  const s = await import('./session.svelte.ts')
  const {api} = await import('@shared/app/api.ts')
  await s.enter()
  return {...s, api}
}
beforeEach(() => { me = {id: 'acc_1'}; line = true; asked.length = 0; localStorage.clear() })

test('signed out in another tab, of the dashboard or of the portal: the log-in is shown', async () => {
  for (const key of ['openlot.desk', 'openlot.session']) {
    me = {id: 'acc_1'}
    const s = await load()
    expect(s.who().name).toBe('somebody')
    me = null
    told(key, false)
    await settle()
    expect(s.who().name).toBe('nobody')
    expect(localStorage.getItem('openlot.desk')).toBe('false')
  }
})
test('somebody else, or the same person again', async () => {
  const s = await load()
  me = {id: 'acc_2'}
  told('openlot.session', 'acc_2')
  await settle()
  expect(s.who()).toMatchObject({name: 'somebody', me: {id: 'acc_2'}})
  asked.length = 0
  told('openlot.session', 'acc_2')
  told('openlot.prefs', {})
  await settle()
  expect(asked).toEqual([])
})
test('signed in in another tab: this one goes in, too', async () => {
  me = null
  const s = await load()
  expect(s.who().name).toBe('nobody')
  me = {id: 'acc_1'}
  told('openlot.desk', 'acc_1')
  await settle()
  expect(s.who().name).toBe('somebody')
})
test('a session that is over elsewhere is noticed by whatever is read, and not by what is about to be kept', async () => {
  const s = await load()
  me = null
  await s.api.POST('/owner/team' as never, {body: {}} as never)
  expect(s.who().name).toBe('somebody')
  await s.api.GET('/owner/money' as never, {} as never)
  expect(s.who().name).toBe('nobody')
})
test('a line that is lost takes nobody’s page away', async () => {
  const s = await load()
  line = false
  told('openlot.desk', false)
  await settle()
  expect(s.who().name).toBe('somebody')
})
