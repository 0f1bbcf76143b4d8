// What the page about now says of what the server says. Pure.
import type {Schemas} from '@shared/app/api.ts'
import {fill} from '@shared/i18n/say.ts'
import type {NowWords} from './words.ts'

export type Lane = Schemas['LaneNow']
export type Command = Schemas['LaneCommand']
type Loop = 'clear' | 'occupied' | 'noAnswer'

export const loop = (s: Schemas['LoopState']): Loop => (s === 'unknown' ? 'noAnswer' : s)

/** The arm as it is drawn: one whose switches contradict each other is nowhere. */
export const arm = (l: Lane): 'down' | 'open' | 'moving' | 'notKnown' =>
  !l.linked ? 'notKnown' : l.arm === 'up' ? 'open' : l.arm === 'down' || l.arm === 'moving' ? l.arm : 'notKnown'

/** "entry-1" is "Entry 1". */
export const laneName = (l: {id: string; label?: string}): string => l.label || l.id.replaceAll('-', ' ').replace(/^./, c => c.toUpperCase())

/** The commands that stand beside a lane at once; the others are one step away. */
export function first(l: Lane): Command[] {
  const now: Command[] = l.alarm ? ['reset'] : l.halted ? ['resume'] : l.out_of_service ? ['put_back'] : l.held_open ? ['let_go'] : ['open']
  return now.filter(c => l.commands.some(x => x.command === c))
}
export const rest = (l: Lane): Schemas['LaneCommandNow'][] => l.commands.filter(c => !first(l).includes(c.command) && c.why !== 'already_so' && c.why !== 'not_reversible')

/** In what state the lane is, in a word; the worst first. */
export function stateWord(l: Lane, w: NowWords): string {
  return l.alarm ? w.alarm : l.halted ? w.halted : l.out_of_service ? w.outOfService : l.held_open ? w.heldOpen : l.outside_hours && l.mode !== 'closed_to_all' ? w.shutByHours : (w.mode[l.mode] ?? l.mode)
}

/** How many spaces came free, or went, in an hour. */
export const change = (n: number, w: NowWords): string =>
  n > 0 ? (fill(w.freed, {n: String(n)}) ?? '') : n < 0 ? (fill(w.taken, {n: String(-n)}) ?? '') : w.steady

/** The sentence for a decision. */
export function sentence(d: Schemas['GateDecision'], w: NowWords): string {
  if (d.kind === 'commanded') {
    const what = w.commands[(d.note ?? '').replace(/ .*/, '')] ?? d.note ?? ''
    return fill(w.by, {what, by: d.by ?? '', why: d.why ?? ''}) ?? what
  }
  if (d.kind === 'fault') return w.faults[d.note ?? ''] ?? d.note ?? w.kinds['fault'] ?? ''
  if (d.kind === 'released') return d.reason && d.reason !== 'ADMIT_RESERVATION' && d.reason !== 'ADMIT_WALKIN' ? `${w.out}: ${w.decided[d.reason] ?? d.reason}` : w.out
  return (d.reason && w.decided[d.reason]) || (w.kinds[d.kind] ?? d.kind)
}

/** The small sign of a decision: the reason without its prefix, or the kind. */
export const code = (d: Schemas['GateDecision']): string => (d.reason ?? d.note?.replace(/ .*/, '') ?? d.kind)

/** Whether the arm went up for it; null: no arm was asked. */
export const opened = (d: Schemas['GateDecision']): boolean | null =>
  d.kind === 'refused' ? false : d.kind === 'admitted' || d.kind === 'released' || d.kind === 'commanded' && d.note === 'open' ? true : null

/** What is shown of what happened: decisions and what people did; that a car then is inside follows from them. */
export const shown = (all: readonly Schemas['GateDecision'][]): Schemas['GateDecision'][] => all.filter(d => d.kind !== 'entered' && d.kind !== 'exited')

/** "6 s", "2 min". */
export const waited = (ms: number): string => (ms < 60_000 ? `${Math.max(0, Math.round(ms / 1000))} s` : `${Math.floor(ms / 60_000)} min`)

/** How many entries need a hand: what is only to be known does not count. */
export const count = (list: readonly Schemas['OwnerTodo'][]): number => list.filter(t => t.level !== 'info').length
