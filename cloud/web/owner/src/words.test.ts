// Every word in both languages: types see missing names, but not missing entries of tables.
import {describe, expect, it} from 'vitest'
import {configWords} from './config/words.ts'
import {edgeWords} from './edges/words.ts'
import {incidentWords} from './incidents/words.ts'
import {moneyWords} from './money/words.ts'
import {nowWords} from './now/words.ts'
import {stayWords} from './stays/words.ts'
import {teamWords} from './team/words.ts'
import {trendWords} from './trends/words.ts'
import {frame} from './words.ts'

const all = {frame, configWords, edgeWords, incidentWords, moneyWords, nowWords, stayWords, teamWords, trendWords}
const flat = (v: unknown, at = ''): [string, string][] => (typeof v === 'string' ? [[at, v]] : Object.entries(v as object).flatMap(([k, x]) => flat(x, `${at}.${k}`)))
const names = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(m => m[1]).sort()

describe.each(Object.entries(all))('%s', (_, w) => {
  const en = new Map(flat(w.en)), de = new Map(flat(w.de))
  it('says everything in both languages', () => {
    expect([...de.keys()].sort()).toEqual([...en.keys()].sort())
  })
  it('names the same values in both', () => {
    for (const [k, t] of en) expect(names(de.get(k) ?? ''), k).toEqual(names(t))
  })
  it('never says what nobody can use', () => {
    for (const [k, t] of [...en, ...de]) expect(/invalid|try again later|\boops\b|ungültig/i.test(t), `${k}: ${t}`).toBe(false)
  })
})

describe('a booking’s number', () => {
  it('is the one that its driver reads', async () => {
    const {short} = await import('@shared/format/format.ts')
    expect(short('rsv_01jxfq6hg8e4ft3vs9j8qk2mzn')).toBe('QK2 MZN')
  })
})
