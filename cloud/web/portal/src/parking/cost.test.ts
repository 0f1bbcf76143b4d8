// @vitest-environment happy-dom
import {flushSync, mount, unmount} from 'svelte'
import {afterEach, expect, test, vi} from 'vitest'
import type {Detail} from './detail.ts'

const eur = (minor: number) => ({minor, currency: 'EUR'})
vi.stubGlobal('fetch', async () => new Response(JSON.stringify({quote: {id: 'q', price: eur(400), price_detail: {tax: eur(0), lines: [], tariff_version: 1}, expires_at: '2030-01-01T00:00:00Z'}}), {status: 200, headers: {'Content-Type': 'application/json'}}))
const {default: Cost} = await import('./Cost.svelte')
const {setPrefs} = await import('@shared/app/prefs.svelte.ts')
afterEach(() => { document.body.replaceChildren() })

test('without a line no number is said as if it were of now, and reserving asks again', async () => {
  setPrefs({language: 'en'})
  const parking = {id: 'altmarkt', timezone: 'Europe/Berlin', policies: {early_charge_percent: 100}, space_types: []} as unknown as Detail
  const space = {type: 'standard', available: 12} as Detail['space_types'][number]
  for (const [live, said, not] of [[true, '12 free for your time', 'asked again'], [false, 'is asked again when you reserve', '12 free']] as const) {
    const app = mount(Cost, {target: document.body, props: {parking, type: 'standard', space, win: {from: 0, to: 7_200_000}, current: true, live, near: () => {}}})
    flushSync()
    expect(document.body.textContent).toContain(said)
    expect(document.body.textContent).not.toContain(not)
    await unmount(app)
  }
})
