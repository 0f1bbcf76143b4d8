// What did not work, in words: first what is safe, then what to do.
import type {Language} from '@shared/format/format.ts'
import {say} from '@shared/i18n/say.ts'
import type {Failure} from '@shared/app/api.ts'
import {unclear} from '@shared/app/once.ts'
import type {Words} from './words.ts'

export interface Told { kind: 'off' | 'wrong' | 'info'; heading: string; body: string; code: string }

const safe: Record<string, keyof Words> = {confirm: 'bankNo', cancel: 'notCancelled', extend: 'notLonger', modify: 'notLonger', withdraw: 'notTakenBack', pay: 'notPaid', card: 'notHeld'}

export function tell(act: string, f: Failure, w: Words, language: Language): Told {
  if (f.code === 'request_in_progress') {
    const s = say(f.code, language)
    return {kind: 'info', heading: s.what, body: s.rest.join(' '), code: f.code}
  }
  if (f.code === 'offline') return {kind: 'off', heading: w.nobody, body: w.nobodyText, code: ''}
  if (act === 'pay' && f.code === 'payment_declined') return {kind: 'wrong', heading: w.notPaid, body: w.cardNo, code: f.code}
  if (act === 'card' && f.code === 'payment_declined') return {kind: 'wrong', heading: w.notHeld, body: w.cardsOver, code: f.code}
  const s = say(f.code, language)
  const heading = unclear(f) ? s.what : w[safe[act] ?? 'safe']
  const body = [...(heading === s.what ? [] : [s.what]), ...s.rest].join(' ')
  return {kind: 'wrong', heading, body, code: f.code}
}
