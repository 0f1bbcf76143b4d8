import {describe, expect, it} from 'vitest'
import {arm, change, code, count, first, laneName, opened, rest, sentence, shown, stateWord, waited, type Lane} from './rules.ts'
import {nowWords} from './words.ts'

const w = nowWords.en
const lane = (more: Partial<Lane> = {}): Lane => ({
  id: 'entry-1', direction: 'entry', arm: 'down', arming: 'clear', safety: 'clear', passage: null, linked: true, held_open: false, out_of_service: false, mode: 'open', faults: [], as_of: null,
  commands: (['open', 'let_go', 'reset', 'resume', 'put_back', 'turn', 'hold_open'] as const).map(command => ({command, allowed: true, ...(command === 'turn' && {allowed: false, why: 'not_reversible'})})), ...more,
} as Lane)
const decision = (more: object) => ({at: '2026-06-15T12:00:00Z', lane: 'entry-1', kind: 'admitted' as const, offline: false, uncertain_ms: 0, ...more})

describe('a lane', () => {
  it('is drawn without an arm when nobody knows where it is', () => {
    expect([arm(lane()), arm(lane({arm: 'up'})), arm(lane({arm: 'fault'})), arm(lane({linked: false}))]).toEqual(['down', 'open', 'notKnown', 'notKnown'])
  })
  it('offers first what ends the state that it is in', () => {
    expect(first(lane())).toEqual(['open'])
    expect(first(lane({held_open: true}))).toEqual(['let_go'])
    expect(first(lane({alarm: true, held_open: true}))).toEqual(['reset'])
    expect(first(lane({halted: true}))).toEqual(['resume'])
    expect(first(lane({out_of_service: true}))).toEqual(['put_back'])
  })
  it('does not offer what it can never do', () => {
    expect(rest(lane()).map(c => c.command)).not.toContain('turn')
    expect(rest(lane()).map(c => c.command)).not.toContain('open')
  })
  it('says the worst first', () => {
    expect(stateWord(lane({alarm: true, out_of_service: true}), w)).toBe('Alarm')
    expect(stateWord(lane({mode: 'full'}), w)).toBe('Full')
  })
  it('has a name people say', () => {
    expect(laneName({id: 'entry-1'})).toBe('Entry 1')
    expect(laneName({id: 'entry-1', label: 'North'})).toBe('North')
  })
})

describe('decisions', () => {
  it('read as sentences', () => {
    expect(sentence(decision({reason: 'ADMIT_WALKIN'}), w)).toBe('Walk-in')
    expect(sentence(decision({kind: 'refused', reason: 'REFUSE_FULL'}), w)).toBe('Full for walk-ins')
    expect(sentence(decision({kind: 'commanded', note: 'open', by: 'karin', why: 'ticket lost'}), w)).toBe('Open once, by karin: ticket lost')
    expect(sentence(decision({kind: 'fault', note: 'tailgate'}), w)).toBe('a car followed another through')
    expect(sentence(decision({kind: 'released', reason: 'ADMIT_MANUAL'}), w)).toBe('Out: Let through by hand')
  })
  it('move the arm only when one moved', () => {
    expect(opened(decision({}))).toBe(true)
    expect(opened(decision({kind: 'refused'}))).toBe(false)
    expect(opened(decision({kind: 'fault'}))).toBeNull()
    expect(opened(decision({kind: 'commanded', note: 'halt'}))).toBeNull()
    expect(opened(decision({kind: 'commanded', note: 'open'}))).toBe(true)
  })
  it('leave out what follows from them', () => {
    expect(shown([decision({}), decision({kind: 'entered'}), decision({kind: 'exited'})])).toHaveLength(1)
    expect(code(decision({kind: 'commanded', note: 'count 12 for 14'}))).toBe('count')
  })
})

describe('numbers', () => {
  it('say what came free and what went', () => {
    expect([change(2, w), change(-5, w), change(0, w)]).toEqual(['2 freed in an hour', '5 taken in an hour', 'steady'])
    expect([waited(6_400), waited(-5), waited(125_000)]).toEqual(['6 s', '0 s', '2 min'])
  })
  it('count only what needs a hand', () => {
    expect(count([{level: 'wrong'}, {level: 'warn'}, {level: 'info'}] as never)).toBe(2)
  })
})
