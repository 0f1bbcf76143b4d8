// @vitest-environment happy-dom
import {flushSync, mount, unmount} from 'svelte'
import {afterEach, expect, test, vi} from 'vitest'
import {isPlate} from '@shared/app/ask.svelte.ts'
import Chosen from './Chosen.svelte'

afterEach(() => { document.body.replaceChildren(); location.hash = '' })

test('the token of a mail leaves the address at once, and the page still has it', async () => {
  const changed = vi.fn()
  history.replaceState(null, '', '#/verify?token=abc234')
  addEventListener('hashchange', changed)
  const send = vi.fn(async () => undefined)
  const app = mount(Chosen, {target: document.body, props: {heading: 'h', text: 't', token: 'abc234', said: 'verified', another: '#/signup', send}})
  flushSync()
  expect(location.hash).toBe('#/verify')
  expect(document.querySelector('form')).not.toBeNull()
  expect(changed).not.toHaveBeenCalled()
  removeEventListener('hashchange', changed)
  await unmount(app)
})

test('a plate has what the server takes: 2 to 12', () => {
  expect(['D', 'D1', 'DD-OL 41712AB', 'ABCDEFGHIJKL', 'ABCDEFGHIJKLM', 'DÄ1'].map(isPlate)).toEqual([false, true, true, true, false, false])
})
