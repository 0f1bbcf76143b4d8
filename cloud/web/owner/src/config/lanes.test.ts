import {describe, expect, it} from 'vitest'
import type {Schemas} from '@shared/app/api.ts'
import {applied, edited, settingOf, wrongLabel} from './lanes.ts'

const lane = (mode: string, applied_label?: string) => ({id: 'entry-1', mode, ...(applied_label && {applied_label})}) as Schemas['LaneNow']

describe('settings of lanes', () => {
  it('keep the order of the lanes, and leave out what sets nothing', () => {
    const order = ['entry-1', 'entry-2', 'exit-1']
    let all = edited([], 'exit-1', {label: 'Ausfahrt Nord'}, order)
    all = edited(all, 'entry-1', {mode: 'closed'}, order)
    expect(all).toEqual([{lane: 'entry-1', mode: 'closed'}, {lane: 'exit-1', label: 'Ausfahrt Nord'}])
    expect(edited(all, 'exit-1', {label: ''}, order)).toEqual([{lane: 'entry-1', mode: 'closed'}])
    expect(edited(all, 'entry-1', {mode: undefined}, order)).toEqual([{lane: 'exit-1', label: 'Ausfahrt Nord'}])
    expect(settingOf(all, 'entry-2')).toEqual({lane: 'entry-2'})
  })
  it('say what the lane has made of them', () => {
    expect(applied(lane('open'), {lane: 'entry-1'})).toBe('nothing')
    expect(applied(lane('closed', 'Nord'), {lane: 'entry-1', label: 'Nord', mode: 'closed'})).toBe('done')
    expect(applied(lane('open', 'Nord'), {lane: 'entry-1', label: 'Nord', mode: 'closed'})).toBe('otherwise')
    expect(applied(lane('open'), {lane: 'entry-1', label: 'Nord'})).toBe('waits')
  })
  it('have labels that a gate can take', () => {
    expect(wrongLabel('Einfahrt Wilsdruffer Straße')).toBe(false)
    expect(wrongLabel('ß'.repeat(33))).toBe(true)
  })
})
