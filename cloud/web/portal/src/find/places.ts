// Places that are searched around: what is asked for, how it is said, and which were chosen before.
import type {Schemas} from '@shared/app/api.ts'
import {isObject} from '@shared/app/stored.ts'
import {position} from './rules.ts'

export type Found = Schemas['Place']

/** A place as it is chosen, and kept on this device. */
export interface Chosen { kind: Found['kind']; name: string; context: string; near: string; parking: string }

/** How many are kept. */
const MOST = 5

export const chosenOf = (p: Found): Chosen => ({kind: p.kind, name: p.name, context: p.context ?? '', near: position(p.latitude, p.longitude), parking: p.parking_id ?? ''})

/** "Prager Straße, Dresden". */
export const labelOf = (p: Pick<Chosen, 'name' | 'context'>): string => (p.context && p.context !== p.name ? `${p.name}, ${p.context}` : p.name)

/** Those chosen before, with one more at the top. */
export const withRecent = (before: readonly Chosen[], p: Chosen): Chosen[] => [p, ...before.filter(b => b.near !== p.near || b.name !== p.name)].slice(0, MOST)

const kinds = new Set(['town', 'district', 'street', 'postcode', 'landmark', 'parking'])
const isChosen = (v: unknown): v is Chosen => isObject(v) && kinds.has(String(v['kind'])) && ['name', 'context', 'near', 'parking'].every(k => typeof v[k] === 'string')
export const areChosen = (v: unknown): v is Chosen[] => Array.isArray(v) && v.length <= MOST && v.every(isChosen)

/** Whether so much is typed that it is worth asking. */
export const worthAsking = (text: string): boolean => (text.match(/[\p{L}\p{N}]/gu) ?? []).length >= 2

/** The place in a list that a key leads to; -1 is the text itself. */
export function stepped(key: 'ArrowDown' | 'ArrowUp', at: number, length: number): number {
  if (key === 'ArrowDown') return at + 1 >= length ? -1 : at + 1
  return at < 0 ? length - 1 : at - 1
}
