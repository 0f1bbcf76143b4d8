// The rules of a parking as fields with units. Pure.
import type {Schemas} from '@shared/app/api.ts'

export type Policy = Schemas['OwnPolicy']
export type Name = keyof Policy & string
export type Unit = 'days' | 'hours' | 'minutes' | 'percent' | 'yes' | 'passback' | 'tailgates'
export interface Field { name: Name; unit: Unit }

/** Which fields stand together, in the order of the page. What has a shape of its own (offline, dynamic_price) is edited as text. */
export const groups: Record<string, readonly Field[]> = {
  selling: [{name: 'horizon_days', unit: 'days'}, {name: 'max_stay', unit: 'hours'}, {name: 'min_stay', unit: 'minutes'}, {name: 'min_lead', unit: 'minutes'}, {name: 'hold_ttl', unit: 'minutes'}, {name: 'overstay_buffer', unit: 'percent'}],
  gate: [{name: 'early_entry', unit: 'minutes'}, {name: 'exit_grace', unit: 'minutes'}, {name: 'no_show_after', unit: 'minutes'}, {name: 'remind_before', unit: 'minutes'}, {name: 'entry_passback', unit: 'passback'}, {name: 'exit_passback', unit: 'passback'}, {name: 'passback_after', unit: 'minutes'}, {name: 'tailgates', unit: 'tailgates'}],
  walkins: [{name: 'allotment_share', unit: 'percent'}, {name: 'walkin_ahead', unit: 'hours'}, {name: 'walkin_protects', unit: 'minutes'}],
  money: [{name: 'no_show_charge', unit: 'percent'}, {name: 'early_charge', unit: 'percent'}, {name: 'pay_at_machine', unit: 'yes'}, {name: 'pay_first', unit: 'minutes'}],
  care: [{name: 'presume_left_after', unit: 'hours'}, {name: 'longest_walkin', unit: 'hours'}, {name: 'lease_ttl', unit: 'minutes'}],
}
export const passbacks = ['hard', 'soft', 'timed', 'off'] as const
export const tailgates = ['count', 'bill'] as const

const per: Partial<Record<Unit, number>> = {hours: 3600, minutes: 60}

/** The number of a field in its unit; a length that is no whole number of them has decimals. */
export const toText = (value: number, unit: Unit): string => String(Math.round((value / (per[unit] ?? 1)) * 100) / 100)

/** What somebody typed, in what the API takes; null: that is no such number. Lengths are whole seconds. */
export function fromText(text: string, unit: Unit): number | null {
  const m = /^\d{1,7}(?:[.,]\d{1,2})?$/.exec(text.trim())
  if (!m) return null
  const n = Number(text.trim().replace(',', '.'))
  if (per[unit] === undefined) return Number.isInteger(n) ? n : null
  return Math.round(n * (per[unit] ?? 1))
}

/** What differs: only that is sent, so that what somebody else changes beside it stays. */
export function changed(before: Policy, after: Policy): Partial<Policy> {
  const out: Record<string, unknown> = {}
  for (const k of Object.keys(after) as Name[]) if (JSON.stringify(before[k]) !== JSON.stringify(after[k])) out[k] = after[k]
  return out as Partial<Policy>
}
