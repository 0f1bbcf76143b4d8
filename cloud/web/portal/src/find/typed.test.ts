// @vitest-environment happy-dom
// A date is typed as a person types it: a browser tells of each step, and none of them changes what was typed.
import {flushSync, mount, unmount} from 'svelte'
import {afterEach, beforeEach, expect, test} from 'vitest'
import When from './When.svelte'
import {setPrefs} from '@shared/app/prefs.svelte.ts'
import type {Window} from '@shared/kerb/kerb.ts'
import {DAY, HOUR, QUARTER} from '@shared/time/zone.ts'
import {instantOf, wallOf} from './wall.ts'

const zone = 'Europe/Berlin', now = Math.ceil(Date.now() / QUARTER) * QUARTER + DAY
let told: Window[] = []
let app: Record<string, unknown>
const field = (n: number): HTMLInputElement => document.querySelectorAll<HTMLInputElement>('.exact input')[n] as HTMLInputElement
const press = (f: HTMLInputElement, key: string) => { f.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true})); flushSync() }
/** A step of typing, as a browser tells it: a key, and a value that could be meant. */
function step(f: HTMLInputElement, key: string, value: string): void {
  press(f, key)
  f.value = value
  f.dispatchEvent(new Event('input', {bubbles: true}))
  f.dispatchEvent(new Event('change', {bubbles: true}))
  flushSync()
}

beforeEach(() => {
  setPrefs({language: 'en', hours: '24'})
  told = []
  app = mount(When, {target: document.body, props: {window: {from: now, to: now + 2 * HOUR}, zone, changed: w => { told.push(w) }}})
  flushSync()
  document.querySelector<HTMLButtonElement>('.when .hd button')?.click()
  flushSync()
})
afterEach(async () => { await unmount(app); document.body.replaceChildren() })

test('what is typed stays, and counts once, when the field is left', () => {
  const wanted = wallOf(now + 9 * DAY, zone), past = wallOf(now - 40 * DAY, zone).date
  const date = field(0)
  date.focus()
  step(date, '0', past)
  expect(date.value).toBe(past)
  step(date, '2', `0002${wanted.date.slice(4)}`)
  step(date, '6', wanted.date)
  expect(date.value).toBe(wanted.date)
  expect(told).toEqual([])
  date.blur()
  flushSync()
  expect(told.map(w => w.from)).toEqual([instantOf(wanted, zone)])
})
test('Enter counts, too, and what cannot be is put right only then', () => {
  const date = field(0)
  date.focus()
  step(date, '1', wallOf(now - 40 * DAY, zone).date)
  press(date, 'Enter')
  expect(told).toHaveLength(1)
  expect(told[0]?.from).toBeGreaterThan(now - 2 * DAY)
  date.blur()
  flushSync()
  expect(told).toHaveLength(1)
  expect(date.value).toBe(wallOf(now, zone).date) // the page was not told to change: it shows what is in force
})
test('a year that is half typed is no date', () => {
  const date = field(0)
  date.focus()
  step(date, '2', `0202${wallOf(now, zone).date.slice(4)}`)
  date.blur()
  flushSync()
  expect(told).toEqual([])
  expect(date.value).toBe(wallOf(now, zone).date)
})
test('a day that is picked with the pointer counts at once', () => {
  const date = field(0), wanted = wallOf(now + 3 * DAY, zone)
  date.focus()
  date.dispatchEvent(new Event('pointerdown', {bubbles: true}))
  date.value = wanted.date
  date.dispatchEvent(new Event('change', {bubbles: true}))
  flushSync()
  expect(told.map(w => w.from)).toEqual([instantOf(wanted, zone)])
})
