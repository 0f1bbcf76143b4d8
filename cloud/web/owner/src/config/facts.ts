// What drivers are told of a place, as somebody types it. Pure.
import type {Schemas} from '@shared/app/api.ts'

export type Facts = Schemas['ParkingFacts']
export const languages = ['de', 'en'] as const
export const features = ['lit', 'covered', 'charging', 'accessible', 'lift', 'toilets', 'cameras'] as const
export type Feature = (typeof features)[number]
type Texts = Record<(typeof languages)[number], string>

/** The fields of the page: all of them are texts. */
export interface Form {height: string; width: string; address: string; position: string; phone: string; onFoot: Texts; staffed: Texts; has: Feature[]}

export function formOf(f: Facts | null): Form {
  const e = f?.entrance
  const texts = (t?: Schemas['Texts']): Texts => ({de: t?.de ?? '', en: t?.en ?? ''})
  return {
    height: f?.max_height_cm?.toString() ?? '', width: f?.max_width_cm?.toString() ?? '', address: e?.address ?? '', phone: f?.phone ?? '',
    position: e?.latitude !== undefined && e.longitude !== undefined ? `${e.latitude}, ${e.longitude}` : '', onFoot: texts(f?.on_foot), staffed: texts(f?.staffed), has: [...(f?.features ?? [])],
  }
}

const size = (text: string): number | null => (/^\d{3,4}$/.test(text.trim()) && Number(text) >= 100 && Number(text) <= 1000 ? Number(text) : null)

/** Latitude and longitude; null: they are none. */
export function positionOf(text: string): {latitude: number; longitude: number} | null {
  const m = /^\s*(-?\d{1,2}(?:\.\d{1,8})?)\s*[,;]\s*(-?\d{1,3}(?:\.\d{1,8})?)\s*$/.exec(text)
  if (!m) return null
  const latitude = Number(m[1]), longitude = Number(m[2])
  return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 ? {latitude, longitude} : null
}

/** Which fields cannot be as they are. */
export function wrongs(f: Form): Set<'height' | 'width' | 'position' | 'phone'> {
  const out = new Set<'height' | 'width' | 'position' | 'phone'>()
  for (const k of ['height', 'width'] as const) if (f[k].trim() && size(f[k]) === null) out.add(k)
  if (f.position.trim() && !positionOf(f.position)) out.add('position')
  if (f.phone.trim() && !/^\+[1-9][0-9 ()-]{5,24}$/.test(f.phone.trim())) out.add('phone')
  return out
}

/** What is to be told; null: nothing. Only for a form without wrongs. */
export function factsOf(f: Form): Facts | null {
  const texts = (t: Texts) => { const all = Object.entries(t).filter(([, x]) => x.trim()).map(([l, x]) => [l, x.trim()]); return all.length ? (Object.fromEntries(all) as Schemas['Texts']) : undefined }
  const entrance = {...(f.address.trim() && {address: f.address.trim()}), ...positionOf(f.position)}
  const on_foot = texts(f.onFoot), staffed = texts(f.staffed), phone = f.phone.trim(), has = features.filter(x => f.has.includes(x))
  const height = size(f.height), width = size(f.width)
  const out: Facts = {
    ...(height !== null && {max_height_cm: height}), ...(width !== null && {max_width_cm: width}), ...(Object.keys(entrance).length && {entrance}),
    ...(on_foot && {on_foot}), ...(has.length && {features: has}), ...(staffed && {staffed}), ...(phone && {phone}),
  }
  return Object.keys(out).length ? out : null
}
