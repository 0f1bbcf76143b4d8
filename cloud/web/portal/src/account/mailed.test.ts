// @vitest-environment happy-dom
// Asking for a mail too often: the button says when it works again, and then does.
import {createRawSnippet, flushSync, mount, tick, unmount} from 'svelte'
import {afterEach, beforeEach, expect, test, vi} from 'vitest'
import {Failure} from '@shared/app/api.ts'
import {setPrefs} from '@shared/app/prefs.svelte.ts'
import Mailed from './Mailed.svelte'

let app: Record<string, unknown> | undefined
const send = vi.fn<(email: string) => Promise<unknown>>(async () => ({}))
const text = () => (document.body.textContent ?? '').replace(/\s+/g, ' ')
const settle = async () => { flushSync(); await tick(); await tick(); await tick(); flushSync() }
const button = () => document.querySelector<HTMLButtonElement>('button')!
beforeEach(() => { vi.useFakeTimers({now: Date.parse('2026-06-11T09:32:00Z'), toFake: ['Date', 'setInterval', 'clearInterval']}); setPrefs({language: 'en'}) })
afterEach(async () => { if (app) await unmount(app); app = undefined; document.body.replaceChildren(); vi.useRealTimers(); send.mockClear() })

async function sent(): Promise<void> {
  app = mount(Mailed, {target: document.body, props: {heading: 'h', text: 't', sent: 'gone to {email}', send, children: createRawSnippet(() => ({render: () => '<p></p>'}))}})
  flushSync()
  const input = document.querySelector('input')!
  input.value = 'jana@posteo.example'
  input.dispatchEvent(new Event('input', {bubbles: true}))
  document.querySelector('form')!.dispatchEvent(new SubmitEvent('submit', {bubbles: true, cancelable: true}))
  await settle()
  expect(text()).toContain('gone to jana@posteo.example')
}

test('the button says when it can be sent again, does nothing until then, and works afterwards', async () => {
  await sent()
  send.mockRejectedValueOnce(new Failure('too_many_tries', undefined, 120))
  button().click()
  await settle()
  expect(text()).toContain('There were too many tries. Wait 2 minutes, then try again.')
  expect(button().textContent).toBe('Send it again in 2 minutes')
  expect(button().getAttribute('aria-disabled')).toBe('true')
  button().click()
  await settle()
  expect(send).toHaveBeenCalledTimes(2)
  vi.advanceTimersByTime(61_000)
  await settle()
  expect(button().textContent).toBe('Send it again in 59 seconds')
  vi.advanceTimersByTime(60_000)
  await settle()
  expect(button().textContent).toBe('Send it again')
  expect(text()).not.toContain('too many tries')
  button().click()
  await settle()
  expect(send).toHaveBeenCalledTimes(3)
})
test('in German, and with hours', async () => {
  setPrefs({language: 'de'})
  await sent()
  send.mockRejectedValueOnce(new Failure('too_many_tries', undefined, 3_660))
  button().click()
  await settle()
  expect(text()).toContain('Warten Sie 1 Stunde 1 Minute, dann geht es wieder.')
  expect(button().textContent).toBe('Noch einmal schicken, in 1 Stunde 1 Minute')
})
