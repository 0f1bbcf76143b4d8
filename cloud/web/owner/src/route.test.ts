import {describe, expect, it} from 'vitest'
import {parse, section, to} from './route.ts'

describe('addresses', () => {
  it('come back as they went', () => {
    expect(parse(to.now())).toEqual({name: 'now', id: ''})
    expect(parse(to.now('a b/c'))).toEqual({name: 'now', id: 'a b/c'})
    expect(parse(to.trends('x', '2026-03-23', '2026-03-29'))).toEqual({name: 'trends', id: 'x', from: '2026-03-23', to: '2026-03-29'})
    expect(parse(to.reservation('x', 'rsv_1'))).toEqual({name: 'reservation', id: 'x', of: 'rsv_1'})
    expect(parse(to.incident('x', 'inc_1'))).toEqual({name: 'incident', id: 'x', of: 'inc_1'})
    expect(parse(to.reservations('DD OL 417'))).toEqual({name: 'reservations', q: 'DD OL 417'})
    expect(parse(to.money())).toEqual({name: 'money', tab: 'accounts'})
    expect(parse(to.money('ledger'))).toEqual({name: 'money', tab: 'ledger'})
    expect(parse(to.config('x', 'tariff'))).toEqual({name: 'config', id: 'x', tab: 'tariff'})
    expect(parse('#/config/x')).toEqual({name: 'config', id: 'x', tab: 'spaces'})
  })
  it('that nobody made are unknown', () => {
    for (const hash of ['#/nothing', '#/money/cellar', '#/config/x/y', '#/now/x/y', '#/incidents/x', '#/trends/%E0%A4%A', '#/team/x', '#/a/b/c/d']) expect(parse(hash).name, hash).toBe('unknown')
  })
  it('belong to an entry of the navigation', () => {
    expect(section({name: 'incident', id: '', of: ''})).toBe('incidents')
    expect(section({name: 'sessions', q: ''})).toBe('reservations')
    expect(section({name: 'edges'})).toBe('edges')
  })
})
