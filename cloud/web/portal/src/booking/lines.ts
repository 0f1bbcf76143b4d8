// The lines of a price for the part that shows them, each with the part of the stay that it is about.
import {clock, day, type Reading} from '@shared/format/format.ts'
import {lineText, type Line} from '@shared/price/lines.ts'
import {onPass} from './at.ts'

export const explained = (lines: readonly Line[], zone: string, r: Reading) => lines.map(l => {
  const [from, to] = [Date.parse(l.from), Date.parse(l.to)]
  const note = day(from, zone, r) === day(to - 1, zone, r) ? `${clock(from, zone, r)} – ${clock(to, zone, r)}` : onPass(from, to, from, zone, r)
  return {label: lineText(l, r), note, amount: l.amount}
})
