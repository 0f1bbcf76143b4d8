// How somebody wants to read: language, clock, colours. Kept on the device; an
// account has its own, which is put here when somebody logs in.
import type {Language, Reading} from '../format/format.ts'
import {serverNow} from './clock.svelte.ts'
import {device, isObject, read, write} from './stored.ts'

export type Theme = 'auto' | 'light' | 'dark' | 'contrast'
export type HourCycle = 'auto' | '12' | '24'
export interface Prefs { language: Language; theme: Theme; hours: HourCycle; /** A second one, to show prices in about; empty: none. */ currency?: string }

const languages: readonly string[] = ['en', 'de'] satisfies Language[]
const themes: readonly string[] = ['auto', 'light', 'dark', 'contrast'] satisfies Theme[]
const cycles: readonly string[] = ['auto', '12', '24'] satisfies HourCycle[]

const isPrefs = (v: unknown): v is Prefs => isObject(v) &&
  languages.includes(String(v['language'])) && themes.includes(String(v['theme'])) && cycles.includes(String(v['hours'])) &&
  (v['currency'] === undefined || /^([A-Z]{3})?$/.test(String(v['currency'])))

/** The first of the browser's languages that we have. */
export const firstLanguage = (asked: readonly string[]): Language => {
  for (const l of asked) {
    const short = l.slice(0, 2).toLowerCase()
    if (short === 'en' || short === 'de') return short
  }
  return 'en'
}

/** Whether a locale's clock has twelve hours. */
export const twelve = (locale: string): boolean => {
  try {
    return new Intl.DateTimeFormat(locale, {hour: 'numeric'}).resolvedOptions().hour12 ?? false
  } catch {
    return false
  }
}

export const prefs = $state<Prefs>(read(device, 'openlot.prefs', {language: firstLanguage(navigator.languages), theme: 'auto', hours: 'auto'}, isPrefs))

export function setPrefs(change: Partial<Prefs>): void {
  Object.assign(prefs, change)
  write(device, 'openlot.prefs', prefs)
}

/** What the parts and formats take. */
export const reading = (): Reading => ({
  language: prefs.language,
  hour12: prefs.hours === 'auto' ? twelve(navigator.language) : prefs.hours === '12',
  now: serverNow(),
})

/** The words of a page in the language of now. */
export const words = <T>(all: Record<Language, T>): T => all[prefs.language]
