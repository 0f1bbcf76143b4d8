// @vitest-environment happy-dom
// A pass that is shown keeps the screen on, also after somebody looked at something else.
import {flushSync, mount, unmount} from 'svelte'
import {expect, test, vi} from 'vitest'
import Pass from './Pass.svelte'

test('the screen is asked to stay on again by whoever comes back, and let go in the end', async () => {
  let visibility: DocumentVisibilityState = 'visible'
  Object.defineProperty(document, 'visibilityState', {configurable: true, get: () => visibility})
  const release = vi.fn(async () => {}), request = vi.fn(async () => ({release}))
  Object.defineProperty(navigator, 'wakeLock', {configurable: true, value: {request}})
  const turn = (to: DocumentVisibilityState) => { visibility = to; document.dispatchEvent(new Event('visibilitychange')) }
  const app = mount(Pass, {target: document.body, props: {state: 'before', code: 'PK1:X', parking: 'Altmarkt', when: 'Thu 10:00 – 17:00', booking: '7KQ 4TM', language: 'en', awake: true}})
  flushSync()
  expect(request).toHaveBeenCalledTimes(1)
  turn('hidden')
  expect(request).toHaveBeenCalledTimes(1)
  turn('visible')
  expect(request).toHaveBeenCalledTimes(2)
  await Promise.resolve()
  await unmount(app)
  expect(release).toHaveBeenCalled()
  turn('visible')
  expect(request).toHaveBeenCalledTimes(2)
})
