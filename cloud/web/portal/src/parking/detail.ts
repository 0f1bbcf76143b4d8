// A parking in full, as GET /parking gives it, with the parts that its description leaves open.
import type {Schemas} from '@shared/app/api.ts'

export interface Policies {
  horizon_days: number; max_stay_minutes: number; min_stay_minutes: number; min_lead_minutes: number
  early_entry_minutes: number; exit_grace_minutes: number; no_show_after_minutes: number
  no_show_charge_percent: number; early_charge_percent: number; pay_at_machine: boolean
}
export interface Rate { rate: number; interval_minutes: number; steps?: Step[] }
export interface Step { after_minutes: number; rate: number; interval_minutes: number }
export interface Band extends Rate { id: string; days?: string[]; from: string; to: string; max?: number }
export interface Event extends Rate { id: string; from: string; to: string; max?: number }
export interface Tariff extends Rate {
  currency: string; charge?: 'started' | 'exact'; bands?: Band[]; events?: Event[]
  free_minutes: number; consideration_minutes?: number; minimum?: number
  daily_max: number; day?: 'calendar' | 'rolling'; maxima?: {hours: number; amount: number}[]
  factors?: Record<string, number>; exit_after_payment_minutes?: number; tax_basis_points: number
}
export type Detail = Omit<Schemas['ParkingDetail'], 'policies' | 'tariff'> & {policies: Policies; tariff: Tariff | null}
