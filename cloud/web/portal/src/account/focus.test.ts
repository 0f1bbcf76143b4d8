// @vitest-environment happy-dom
// Where the focus goes on the account's pages when what was pressed is gone.
import {flushSync, mount, tick, unmount, type Component} from 'svelte'
import {afterEach, expect, test, vi} from 'vitest'
import {setPrefs} from '@shared/app/prefs.svelte.ts'
import type {Route} from '../route.ts'
import type {Me} from '../session.svelte.ts'

const json = (body: unknown, status = 200) => new Response(status === 204 ? null : JSON.stringify(body), {status, headers: {'Content-Type': 'application/json'}})
let sessions = [1, 2, 3].map(n => ({id: `ses_${n}`, device: `Phone ${n}`, current: n === 1, last_seen_at: '2026-06-11T08:00:00Z', created_at: '2026-06-11T08:00:00Z'}))
const routes: Record<string, (q: Request) => Response> = {
  'GET /me/sessions': () => json({sessions}),
  'DELETE /me/sessions': q => { const id = q.url.split('/').pop(); sessions = sessions.filter(s => (id === 'sessions' ? s.current : s.id !== id)); return json(null, 204) },
  'GET /me/passkeys': () => json({passkeys: []}),
  'POST /me/totp': () => json({secret: 'ABCDEFGH', uri: 'otpauth://totp/x?secret=ABCDEFGH'}),
  'POST /me/totp/confirm': () => json({recovery_codes: ['aaaa-bbbb', 'cccc-dddd']}),
  'POST /me/recovery-codes': () => json({recovery_codes: ['eeee-ffff']}),
  'DELETE /me/totp': () => json(null, 204),
  'DELETE /me': () => json({code: 'last_owner', status: 409}, 409),
  'POST /me/password': () => json(null, 204),
  'POST /login': () => json({code: 'code_required', status: 401}, 401),
}
vi.stubGlobal('fetch', vi.fn(async (q: Request) => {
  const path = new URL(q.url).pathname
  const answer = routes[`${q.method} ${path}`] ?? routes[`${q.method} ${path.replace(/\/[^/]+$/, '')}`]
  if (!answer) throw new Error(`${q.method} ${path}`)
  return answer(q)
}))
const {Ask} = await import('@shared/app/ask.svelte.ts')
const Close = (await import('./Close.svelte')).default, Password = (await import('./Password.svelte')).default
const SecondFactor = (await import('./SecondFactor.svelte')).default, Sessions = (await import('./Sessions.svelte')).default
const Login = (await import('./Login.svelte')).default, Again = (await import('./Again.svelte')).default, Account = (await import('./Account.svelte')).default

setPrefs({language: 'en'})
let app: Record<string, unknown> | undefined
const settle = async () => { for (let i = 0; i < 8; i++) { await new Promise(ok => setImmediate(ok)); await tick(); flushSync() } }
async function show<P extends Record<string, unknown>>(part: Component<P>, props: P) {
  document.body.innerHTML = '<main id="main" tabindex="-1"></main>'
  app = mount(part, {target: document.getElementById('main')!, props})
  await settle()
}
afterEach(async () => { if (app) await unmount(app); app = undefined; document.body.replaceChildren() })
/** What has the focus: the text of a button, the label of a field. */
const focused = () => {
  const e = document.activeElement
  return e instanceof HTMLInputElement ? e.labels?.[0]?.textContent : (e?.getAttribute('aria-label') ?? (e?.querySelector('.h') ?? e)?.textContent)?.replace(/\s+/g, ' ').trim()
}
const press = async (name: string) => {
  const b = [...document.querySelectorAll('button')].find(x => (x.getAttribute('aria-label') ?? x.textContent ?? '').trim() === name)
  if (!b) throw new Error(`no button ${name} in ${document.body.textContent}`)
  b.focus()
  b.click()
  await settle()
}
const type = async (n: number, value: string) => {
  const input = document.querySelectorAll<HTMLInputElement>('input:not([readonly])')[n]!
  input.value = value
  input.dispatchEvent(new Event('input', {bubbles: true}))
  await settle()
}
const submit = async () => { document.querySelector('form')!.dispatchEvent(new SubmitEvent('submit', {bubbles: true, cancelable: true})); await settle() }

test('closing asks first: the question has the focus, and gives it back', async () => {
  const ask = new Ask(), closed = vi.fn()
  await show(Close, {ask, closed})
  await press('Close the account')
  expect(focused()).toBe('Close your account?')
  await press('Keep it')
  expect(focused()).toBe('Close the account')
  await press('Close the account')
  await press('Close it for good')
  expect(ask.failure?.code).toBe('last_owner')
  expect(closed).not.toHaveBeenCalled()
  expect(focused()).toBe('Close it for good')
})
test('a new password: to its first field, and back', async () => {
  await show(Password, {ask: new Ask(), email: 'jana@posteo.example'})
  await press('Set a new password')
  expect(focused()).toBe('Present password')
  await press('Not now')
  expect(focused()).toBe('Set a new password')
  await press('Set a new password')
  await type(0, 'parken mit Lust 7')
  await type(1, 'parken mit Lust 8')
  await submit()
  expect(document.querySelector('[role=status]')?.textContent).toContain('The new password is set.')
  expect(focused()).toBe('Set a new password')
})
test('an authenticator: to what is to be done, to the codes, and on from there', async () => {
  const me = someone({totp: false})
  await show(SecondFactor, {ask: new Ask(), me, reload: async () => {}})
  await press('Set up')
  expect(focused()).toContain('Scan this')
  await press('Not now')
  expect(focused()).toBe('Set up')
  await press('Set up')
  await type(0, '123456')
  await submit()
  expect(focused()).toBe('Recovery codes')
  expect(document.activeElement?.textContent).toContain('aaaa-bbbb')
})
test('codes that are stored: back to where new ones are made', async () => {
  await show(SecondFactor, {ask: new Ask(), me: someone({totp: true, recovery_codes: 8}), reload: async () => {}})
  await press('Make new ones')
  await press('I have them')
  expect(focused()).toBe('Make new ones')
})
test('sessions that are ended: the next one, then the sentence that there is none', async () => {
  await show(Sessions, {})
  await press('Sign out Phone 2')
  expect(focused()).toBe('Sign out Phone 3')
  await press('Sign out Phone 3')
  expect(focused()).toBe('Nowhere else.')
})
test('a code that is asked for: its field has the focus, and why is told', async () => {
  await show(Login, {route: {name: 'login', then: ''} as Route, settitle: () => {}})
  await type(0, 'jana@posteo.example')
  await type(1, 'parken mit Lust 7')
  await submit()
  expect(document.querySelector('.note[role=status]')?.textContent).toContain('Your account asks for a code as well.')
  expect(focused()).toContain('Code of your authenticator')
})
test('the password once more: its field, then the code’s, and back to where one was', async () => {
  document.body.innerHTML = '<button>Set up</button><main id="main" tabindex="-1"></main>'
  const before = document.querySelector('button')!
  before.focus()
  app = mount(Again, {target: document.getElementById('main')!, props: {email: 'jana@posteo.example', done: () => {}, cancel: () => {}}})
  await settle()
  expect(focused()).toBe('Password')
  await type(0, 'parken mit Lust 7')
  await submit()
  expect(focused()).toContain('Code of your authenticator')
  await unmount(app)
  app = undefined
  await settle()
  expect(document.activeElement).toBe(before)
})

test('a password that is not enough: what is missing is told, and asked for no more once it is done', async () => {
  const jana = someone({name: 'Jana', phone: '', plates: [], totp: false, language: 'en', hour_cycle: '', currency: '', reminders: {mail: true, sms: false}, memberships: [], created_at: '2026-01-01T00:00:00Z'})
  routes['GET /me'] = () => json({user: jana})
  routes['POST /login'] = () => json({user: jana})
  routes['DELETE /me'] = () => json({code: 'login_again', status: 403}, 403)
  await show(Account, {route: {name: 'account'} as Route, settitle: () => {}})
  await press('Close the account')
  await press('Close it for good')
  const told = () => document.querySelector('.again')?.textContent ?? ''
  expect(told()).toContain('Type your password once more')
  expect(told()).not.toContain('second factor')
  const prove = async () => {
    const input = document.querySelector<HTMLInputElement>('.again input[autocomplete=current-password]')!
    input.value = 'parken mit Lust 7'
    input.dispatchEvent(new Event('input', {bubbles: true}))
    document.querySelector('.again')!.dispatchEvent(new SubmitEvent('submit', {bubbles: true, cancelable: true}))
    await settle()
  }
  await prove()
  expect(told()).toContain('This needs a second factor.')
  routes['DELETE /me'] = () => json(null, 204)
  await prove()
  expect(document.body.textContent).toContain('Your account is closed')
})

function someone(more: Partial<Me>): Me { return {id: 'acc_jana', email: 'jana@posteo.example', recovery_codes: 10, ...more} as Me }
