// @vitest-environment happy-dom
// The hint about the home screen: where it is possible, once, and never when it is there.
import {beforeEach, expect, test, vi} from 'vitest'

let home = false
vi.stubGlobal('matchMedia', (q: string) => ({matches: q === '(display-mode: standalone)' && home}))
const standalone = (v: boolean | undefined) => Object.defineProperty(navigator, 'standalone', {value: v, configurable: true})
const load = async () => {
  vi.resetModules()
  const m = await import('./install.svelte.ts')
  m.listen()
  return m
}
const offered = (prompt = vi.fn(async () => {})) => {
  const e = Object.assign(new Event('beforeinstallprompt', {cancelable: true}), {prompt, userChoice: Promise.resolve({outcome: 'dismissed'})})
  dispatchEvent(e)
  return {e, prompt}
}
beforeEach(() => { localStorage.clear(); home = false; standalone(undefined) })

test('nothing is offered before the browser offers it', async () => {
  const m = await load()
  expect(m.way()).toBe('')
  const {e} = offered()
  expect(e.defaultPrevented).toBe(true)
  expect(m.way()).toBe('ask')
})
test('asked once, whatever the answer, and not after a reload', async () => {
  let m = await load()
  const {prompt} = offered()
  await m.install()
  expect(prompt).toHaveBeenCalledOnce()
  expect(m.way()).toBe('')
  m = await load()
  offered()
  expect(m.way()).toBe('')
})
test('dismissed for ever', async () => {
  let m = await load()
  offered()
  m.enough()
  expect(m.way()).toBe('')
  offered()
  expect(m.way()).toBe('')
  m = await load()
  standalone(false)
  expect(m.way()).toBe('')
})
test('words on iOS, nothing when it runs from the home screen or was installed', async () => {
  standalone(false)
  let m = await load()
  expect(m.way()).toBe('words')
  standalone(true)
  expect(m.way()).toBe('')
  standalone(undefined)
  home = true
  offered()
  expect(m.way()).toBe('')
  home = false
  m = await load()
  offered()
  expect(m.way()).toBe('ask')
  dispatchEvent(new Event('appinstalled'))
  expect(m.way()).toBe('')
})
test('a browser that refuses to ask breaks nothing', async () => {
  const m = await load()
  offered(vi.fn(async () => { throw new Error('no gesture') }))
  await m.install()
  expect(m.way()).toBe('')
})
