// @vitest-environment happy-dom
// A receipt is kept for years: each day on it has its year, also in the year it is from.
import {flushSync, mount, unmount} from 'svelte'
import {expect, test, vi} from 'vitest'

const eur = (minor: number) => ({minor, currency: 'EUR'})
const receipt = {
  number: 'altmarkt-7', issued_at: '2026-06-19T15:04:00Z', operator: 'Demo operator', parking: {id: 'altmarkt', name: 'Altmarkt', address: '', city: 'Dresden', timezone: 'Europe/Berlin'},
  reservation: {id: 'rsv_aa7kq4tm', state: 'completed', space_type: 'standard', from: '2026-06-11T08:00:00Z', to: '2026-06-19T15:00:00Z'},
  stay: {session: 'ses_1', space_type: 'standard', entered_at: '2026-06-11T08:02:00Z', exited_at: '2026-06-19T15:03:00Z', inferred: false},
  bill: {basis: 'quoted', due: eur(5100), tax: eur(0), percent: 100, grace_seconds: 600, parts: [{total: eur(5100), lines: [{rule: 'rate', label: 'x', from: '2026-06-11T08:00:00Z', to: '2026-06-19T15:00:00Z', amount: eur(5100), quantity: 51, minutes: 60, rate: 100}]}]},
  taxes: [], sums: {captured: eur(5100)}, payments: [], movements: [], tariffs: [], observations: [],
}
vi.stubGlobal('fetch', vi.fn(async () => new Response(JSON.stringify({receipt, signature: ''}), {headers: {'Content-Type': 'application/json'}})))
vi.useFakeTimers({now: Date.parse('2026-11-28T10:00:00Z'), toFake: ['Date']})
const {default: Receipt} = await import('./Receipt.svelte')
const {setPrefs} = await import('@shared/app/prefs.svelte.ts')

test('each day has its year', async () => {
  for (const [language, when, issued] of [['en', 'Thu 11 June 2026, 10:00 – Fri 19 June 2026, 17:00', 'Fri 19 June 2026'], ['de', 'Do 11. Juni 2026, 10:00 – Fr 19. Juni 2026, 17:00', 'Fr 19. Juni 2026']] as const) {
    setPrefs({language, hours: '24'})
    const app = mount(Receipt, {target: document.body, props: {route: {name: 'receipt', id: 'rsv_aa7kq4tm'}, settitle: () => {}}})
    await vi.waitFor(() => { flushSync(); expect(document.querySelector('dl.facts')).not.toBeNull() })
    const text = document.body.textContent ?? ''
    expect(text).toContain(when)
    expect(text.split(issued).length - 1).toBeGreaterThan(3) // issued, reserved, out, and the line
    await unmount(app)
    document.body.replaceChildren()
  }
})
