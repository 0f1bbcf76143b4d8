import {describe, expect, it} from 'vitest'
import type {Schemas} from '@shared/app/api.ts'
import {kioskOf, put, took, wrong} from './kiosks.ts'

const now = (in_force: Partial<Schemas['KioskSetting']>, held: Schemas['KioskNow']['held'] = ''): Schemas['KioskNow'] => ({in_force: {kiosk: 'kiosk-1', ...in_force}, held, as_of: '2026-06-01T12:00:00Z'})

describe('settings of kiosks', () => {
  it('leave out what sets nothing', () => {
    let all = put([], 'kiosk-2', {cash: false})
    all = put(all, 'kiosk-1', {label: 'Kasse', languages: ['de']})
    expect(all).toEqual([{kiosk: 'kiosk-1', label: 'Kasse', languages: ['de']}, {kiosk: 'kiosk-2', cash: false}])
    expect(put(all, 'kiosk-2', {cash: undefined})).toEqual([{kiosk: 'kiosk-1', label: 'Kasse', languages: ['de']}])
    expect(put(all, 'kiosk-1', {label: '', languages: []})).toEqual([{kiosk: 'kiosk-2', cash: false}])
    expect(kioskOf(all, 'kiosk-3')).toEqual({kiosk: 'kiosk-3'})
  })
  it('say what cannot be', () => {
    expect(wrong({kiosk: 'kiosk-1', cash: false, card: false})).toBe('unpaid')
    expect(wrong({kiosk: 'kiosk-1', cash: false})).toBe('')
    expect(wrong({kiosk: 'kiosk-1', label: 'ß'.repeat(33)})).toBe('long')
  })
  it('say what the machine has made of them', () => {
    expect(took(now({}), {kiosk: 'kiosk-1'})).toBe('nothing')
    expect(took(now({cash: false, label: 'K', tickets: false}), {kiosk: 'kiosk-1', cash: false, label: 'K', tickets: true})).toBe('done')
    expect(took(now({cash: true}), {kiosk: 'kiosk-1', cash: false})).toBe('waits')
    expect(took(now({cash: true}, 'visit'), {kiosk: 'kiosk-1', cash: false})).toBe('visit')
  })
})
