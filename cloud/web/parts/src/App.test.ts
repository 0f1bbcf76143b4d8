// @vitest-environment happy-dom
import {flushSync, mount, unmount} from 'svelte'
import {afterEach, beforeEach, expect, it} from 'vitest'
import Count from '@shared/parts/Count.svelte'
import Pass from '@shared/parts/Pass.svelte'
import PriceLines from '@shared/parts/PriceLines.svelte'
import App from './App.svelte'

let target: HTMLElement
let app: Record<string, unknown> | undefined
beforeEach(() => { target = document.createElement('div'); document.body.append(target) })
afterEach(async () => { if (app) await unmount(app); target.remove() })

it('shows every part, in English and then in German, in the theme that is picked', () => {
  app = mount(App, {target})
  flushSync()
  expect(target.querySelectorAll('.card').length).toBeGreaterThan(18)
  const chips = [...target.querySelectorAll<HTMLButtonElement>('.chip')]
  chips.find(c => c.textContent === 'Contrast')?.click()
  chips.find(c => c.textContent === 'Deutsch')?.click()
  flushSync()
  expect(document.documentElement.dataset['theme']).toBe('contrast')
  expect(document.documentElement.lang).toBe('de')
  expect(target.textContent).toContain('Für Kurzparker ist gerade nichts frei.')
  expect(target.textContent).not.toMatch(/undefined|NaN|\{\w+\}/)
})

it('a grip goes a quarter by the arrow, and says where it stands', () => {
  app = mount(App, {target})
  flushSync()
  const grip = target.querySelector<HTMLElement>('[role=slider]')
  expect(grip?.getAttribute('aria-valuetext')).toBe('Thu 11 June 08:00')
  grip?.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}))
  flushSync()
  expect(grip?.getAttribute('aria-valuetext')).toBe('Thu 11 June 08:15')
})

it('shows no total that is not the sum', () => {
  const eur = (minor: number) => ({minor, currency: 'EUR'})
  app = mount(PriceLines, {target, props: {lines: [{label: 'First hour', amount: eur(250)}], total: eur(300), language: 'en'}})
  expect(target.querySelector('.tot')).toBeNull()
  expect(target.querySelector('[role=alert]')?.textContent).toContain('€0.50 is unexplained')
})

it.each([['before', 1], ['inside', 1], ['superseded', 0], ['spent', 0]] as const)('a pass that is %s shows %i codes', (state, n) => {
  app = mount(Pass, {target, props: {state, code: 'OL1:AB', parking: 'Altmarkt', when: 'Thu', booking: '7KQ 4TM', language: 'en'}})
  expect(target.querySelectorAll('.qr path.ink')).toHaveLength(n)
})

it('a stale count says as of when, to the eye and to the ear', () => {
  app = mount(Count, {target, props: {value: 252, language: 'en', label: 'spaces free', asOf: '07:02'}})
  flushSync()
  expect(target.querySelector('.stale')?.textContent).toBe('as of 07:02, line lost')
  expect(target.querySelector('[role=status]')?.textContent).toBe('252 spaces free, as of 07:02, line lost')
})
