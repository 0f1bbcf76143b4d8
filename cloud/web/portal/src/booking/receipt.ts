// A receipt as rows: what it cost, by which rule, and what became of the money.
import type {Schemas} from '@shared/app/api.ts'
import type {Money} from './rules.ts'

type Receipt = Schemas['Receipt']
type Part = Receipt['bill']['parts'][number]

/** The parts that are shown: of a shortened stay what was used, not what was agreed. */
export const parts = (r: Receipt): Part[] => (r.bill.basis === 'shortened' && r.bill.parts.length === 2 ? r.bill.parts.slice(1) : r.bill.parts)

/** Why it costs what it costs. What is missed was either waited for in vain, or given up too late. */
export const reason = (r: Receipt): string => (r.bill.basis === 'missed' && r.reservation?.state === 'cancelled' ? 'given_up' : r.bill.basis)

export type Adjust = {kind: 'share' | 'least' | 'atMost'; amount: Money}
/** What makes of the lines' sum what is due: a share, a least, or no more than was agreed. */
export function adjusted(r: Receipt): Adjust | null {
  const sum = parts(r).reduce((s, p) => s + p.total.minor, 0)
  const by = r.bill.due.minor - sum
  if (by === 0) return null
  const kind = r.bill.percent !== 100 ? 'share' : by > 0 ? 'least' : 'atMost'
  return {kind, amount: {minor: by, currency: r.bill.due.currency}}
}

const names = ['held', 'released', 'captured', 'refunded', 'cash', 'terminal', 'credit', 'owed', 'written_off', 'overpaid', 'credited'] as const
export type Name = (typeof names)[number]

/** What moved, without what did not. */
export const moved = (r: Receipt): {name: Name; amount: Money}[] =>
  names.flatMap(name => { const a = r.sums[name]; return a && a.minor !== 0 ? [{name, amount: a}] : [] })

/** "19 %" of basis points. */
export const percent = (points: number, language: 'en' | 'de'): string => `${new Intl.NumberFormat(language, {maximumFractionDigits: 2}).format(points / 100)} %`
