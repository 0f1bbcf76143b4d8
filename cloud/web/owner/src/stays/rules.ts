// How an event of a booking reads. Pure.
import type {Schemas} from '@shared/app/api.ts'
import {fill} from '@shared/i18n/say.ts'
import {laneName} from '../now/rules.ts'
import type {NowWords} from '../now/words.ts'
import type {StayWords} from './words.ts'

export interface Line { time: string; by: 'gate' | 'cloud'; sentence: string; code: string }

/** A line of the timeline; a word of the gate that was heard much later says when. */
export function event(e: Schemas['TimelineEntry'], w: StayWords, n: NowWords, at: (t: string) => string): Line {
  const [about, what] = e.code.split('.')
  const state = e.state && (about === 'payment' ? w.payments[e.state] : w.states[e.state])
  const parts = [
    e.reason && n.decided[e.reason] || w.codes[e.code] || state || (what ?? e.code).replaceAll('_', ' '),
    e.lane ? (fill(w.inLane, {lane: laneName({id: e.lane})}) ?? '') : '',
    e.told_at && Date.parse(e.told_at) - Date.parse(e.at) > 60_000 ? (fill(w.heard, {time: at(e.told_at)}) ?? '') : '',
  ]
  return {time: at(e.at), by: e.source, sentence: parts.filter(Boolean).join(', '), code: e.reason ?? e.code}
}
