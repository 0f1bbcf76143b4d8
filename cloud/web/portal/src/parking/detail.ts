// A parking in full, as GET /parking gives it, with the parts that its description leaves open.
import type {Schemas} from '@shared/app/api.ts'
import type {Tariff} from '@shared/price/tariff.ts'

export interface Policies {
  horizon_days: number; max_stay_minutes: number; min_stay_minutes: number; min_lead_minutes: number
  early_entry_minutes: number; exit_grace_minutes: number; no_show_after_minutes: number
  no_show_charge_percent: number; early_charge_percent: number; pay_at_machine: boolean
}
export type Detail = Omit<Schemas['ParkingDetail'], 'policies' | 'tariff'> & {policies: Policies; tariff: Tariff | null}
