// The words for a code: what happened, what it means for you, what to do.
import type {Language} from '../format/format.ts'
import {english} from './codes.en.ts'
import {german} from './codes.de.ts'

/** One sentence; or several, of which the first is said whose values are all known. */
export type Sentence = string | readonly string[]
export type Words = Record<string, readonly Sentence[]>

export interface Said { what: string; rest: string[]; code: string }

const all: Record<Language, Words> = {en: english, de: german}

/** Fills {names} in; null if one is not known. */
export function fill(text: string, values: Record<string, string>): string | null {
  let whole = true
  const out = text.replace(/\{(\w+)\}/g, (_, name: string) => {
    const v = values[name]
    if (v === undefined) whole = false
    return v ?? ''
  })
  return whole ? out : null
}

/** The sentences for a code. A sentence whose values are not known is left out; a code without words gets those of "internal". */
export function say(code: string, language: Language, values: Record<string, string> = {}): Said {
  const words = all[language][code] ?? all[language]['internal'] ?? []
  const said = words.flatMap(s => {
    for (const choice of typeof s === 'string' ? [s] : s) {
      const text = fill(choice, values)
      if (text !== null) return [text]
    }
    return []
  })
  return {what: said[0] ?? '', rest: said.slice(1), code}
}
