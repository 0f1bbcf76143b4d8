import {describe, expect, it} from 'vitest'
import {changed, fromText, groups, toText, type Policy} from './policy.ts'
import {configWords} from './words.ts'

const policy = {horizon_days: 90, max_stay: 86_400, allotment_share: 20, offline: null} as Policy

describe('the rules of a parking', () => {
  it('come back as they were written', () => {
    for (const [v, unit] of [[5400, 'hours'], [900, 'minutes'], [90, 'days'], [20, 'percent'], [0, 'minutes']] as const) expect(fromText(toText(v, unit), unit)).toBe(v)
    expect(fromText('1,5', 'hours')).toBe(5400)
    for (const [bad, unit] of [['', 'minutes'], ['-1', 'minutes'], ['1.5', 'percent'], ['x', 'days'], ['1e3', 'hours']] as const) expect(fromText(bad, unit), bad).toBeNull()
  })
  it('are sent only where they differ', () => {
    expect(changed(policy, {...policy, allotment_share: 25})).toEqual({allotment_share: 25})
    expect(changed(policy, {...policy})).toEqual({})
    expect(changed(policy, {...policy, offline: {stages: []}})).toEqual({offline: {stages: []}})
  })
  it('each have a name in both languages, and stand once', () => {
    const names = Object.values(groups).flat().map(f => f.name)
    expect(new Set(names).size).toBe(names.length)
    for (const n of [...names, 'offline', 'dynamic_price']) for (const w of [configWords.en, configWords.de]) expect(w.fields[n], n).toBeTruthy()
  })
})
