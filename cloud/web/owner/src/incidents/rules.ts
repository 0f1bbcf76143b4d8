// What the two clocks of an incident show. Pure.
import type {Schemas} from '@shared/app/api.ts'
import type {Frame} from '@shared/kerb/kerb.ts'
import {HOUR, QUARTER} from '@shared/time/zone.ts'

export interface Clocks { frame: Frame; session: {from: number; to: number | null} | null; booked: {from: number; to: number} | null }

/** The stay as the gate saw it and the window as it was booked, in a frame around both; null: neither is known. */
export function spanOf(d: Pick<Schemas['OwnerIncidentDetail'], 'incident' | 'session' | 'reservation'>): Clocks | null {
  const session = d.session?.entered_at ? {from: Date.parse(d.session.entered_at), to: d.session.left_at ? Date.parse(d.session.left_at) : null} : null
  const booked = d.reservation ? {from: Date.parse(d.reservation.from), to: Date.parse(d.reservation.to)} : null
  if (!session && !booked) return null
  const ends = [...(session ? [session.from, session.to ?? Math.max(session.from + HOUR, Date.parse(d.incident.at))] : []), ...(booked ? [booked.from, booked.to] : [])]
  const begin = Math.floor((Math.min(...ends) - QUARTER) / QUARTER) * QUARTER, end = Math.ceil((Math.max(...ends) + QUARTER) / QUARTER) * QUARTER
  return {frame: {begin, end} as Frame, session, booked}
}
