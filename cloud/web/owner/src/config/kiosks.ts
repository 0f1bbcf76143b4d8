// Settings of kiosks as somebody edits them. Pure.
import type {Schemas} from '@shared/app/api.ts'

export type Kiosk = Schemas['KioskSetting']
type Now = Schemas['KioskNow']
/** What is yes, no, or as the machine's file has it. */
export const choices = ['cash', 'card', 'codes', 'slips', 'tickets', 'lost', 'shifts'] as const
export const texts = ['label', 'help', 'issuer', 'tax_id', 'footer'] as const
/** Bytes of each. */
export const most: Record<(typeof texts)[number], number> = {label: 64, help: 64, issuer: 200, tax_id: 32, footer: 200}
/** What is offered as languages: one, or both with the first one first. */
export const offers = ['de en', 'en de', 'de', 'en'] as const

export const kioskOf = (all: readonly Kiosk[], id: string): Kiosk => all.find(k => k.kiosk === id) ?? {kiosk: id}

/** The settings with a part of one changed; a kiosk of which nothing is set is left out. */
export function put(all: readonly Kiosk[], id: string, part: Partial<Kiosk>): Kiosk[] {
  const now: Record<string, unknown> = {...kioskOf(all, id), ...part}
  for (const [k, v] of Object.entries(now)) if (v === undefined || v === '' || Array.isArray(v) && !v.length) delete now[k]
  const rest = all.filter(k => k.kiosk !== id)
  return (Object.keys(now).length > 1 ? [...rest, now as unknown as Kiosk] : rest).sort((a, b) => (a.kiosk < b.kiosk ? -1 : 1))
}

/** What is wrong with a setting as it is: nothing, a text that is too long, or nothing left to pay with. */
export function wrong(k: Kiosk): '' | 'long' | 'unpaid' {
  if (texts.some(t => new TextEncoder().encode(k[t] ?? '').length > most[t])) return 'long'
  return k.cash === false && k.card === false ? 'unpaid' : ''
}

/** What the machine has made of what is set. */
export function took(now: Now, set: Kiosk): 'nothing' | 'done' | 'visit' | 'unusable' | 'waits' {
  if (now.held) return now.held
  const keys = Object.keys(set).filter(k => k !== 'kiosk') as (keyof Kiosk)[]
  if (!keys.length) return 'nothing'
  // A machine that stands at no entry gives no tickets, whatever is set.
  return keys.every(k => k === 'tickets' || JSON.stringify(now.in_force[k]) === JSON.stringify(set[k])) ? 'done' : 'waits'
}
