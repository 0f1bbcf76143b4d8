// What a parking allows, out of the loosely typed answer.
import type {Schemas} from '@shared/app/api.ts'
import {isObject} from '@shared/app/stored.ts'

type Parking = Schemas['ParkingDetail'] | null | undefined
const all = (p: Parking): Record<string, unknown> => (p && isObject(p.policies) ? p.policies : {})

/** A policy in minutes or percent; 0 when it is not known. */
export function minutesOf(p: Parking, name: 'early_entry_minutes' | 'no_show_after_minutes' | 'max_stay_minutes' | 'min_stay_minutes' | 'exit_grace_minutes'): number {
  const v = all(p)[name]
  return typeof v === 'number' && v > 0 ? v : 0
}

/** A policy in percent; null when it is not known. */
export function percentOf(p: Parking, name: 'no_show_charge_percent' | 'early_charge_percent'): number | null {
  const v = all(p)[name]
  return typeof v === 'number' ? v : null
}

/** Whether one may promise to pay at the machine. */
export const atMachine = (p: Parking): boolean => all(p)['pay_at_machine'] === true

/** Until when a space is kept that is reserved now, as the cloud reckons it: not from a begin that is past, and never beyond the end. */
export const keptUntil = (win: {from: number; to: number}, after: number, now: number): number => Math.min(Math.max(win.from, now) + after, win.to)
