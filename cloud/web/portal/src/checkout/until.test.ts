// @vitest-environment happy-dom
// Until when a space is kept that is reserved now: never a time that is past, never beyond the end.
import {flushSync, mount, unmount} from 'svelte'
import {expect, test, vi} from 'vitest'
import type {Schemas} from '@shared/api/client.ts'

vi.useFakeTimers({now: Date.parse('2026-06-11T09:32:00Z')})
const {default: Money} = await import('./Money.svelte')
const {default: Needs} = await import('../parking/Needs.svelte')
const {setPrefs} = await import('@shared/app/prefs.svelte.ts')

const eur = (minor: number) => ({minor, currency: 'EUR'})
const parking = {id: 'altmarkt', timezone: 'Europe/Berlin', policies: {no_show_after_minutes: 30, no_show_charge_percent: 100, early_charge_percent: 100, early_entry_minutes: 0, exit_grace_minutes: 10}}
test('from now on when the time has begun, and no longer than it lasts', async () => {
  setPrefs({language: 'en', hours: '24'})
  for (const [from, to, until] of [
    ['2026-06-11T12:00:00Z', '2026-06-11T15:00:00Z', '14:30'], // to come
    ['2026-06-11T08:30:00Z', '2026-06-11T15:00:00Z', '12:02'], // begun an hour ago
    ['2026-06-11T09:30:00Z', '2026-06-11T09:45:00Z', '11:45'], // shorter than that
  ] as const) {
    const quote = {from, to, price: eur(600), price_detail: {tax: eur(0), lines: [], tariff_version: 1}} as unknown as Schemas['Quote']
    const money = mount(Money, {target: document.body, props: {quote, parking: parking as unknown as Schemas['ParkingDetail'], machine: false}})
    flushSync()
    expect(document.body.textContent).toContain(`Cancel for nothing until ${until}`)
    await unmount(money)
    const needs = mount(Needs, {target: document.body, props: {parking: parking as never, type: 'standard', win: {from: Date.parse(from), to: Date.parse(to)}}})
    flushSync()
    if (until !== '11:45') expect(document.body.textContent).toContain(until)
    await unmount(needs)
  }
})
