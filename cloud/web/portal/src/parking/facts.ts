// What is told of a place, for a reader. Pure.
import type {Language} from '@shared/format/format.ts'
import type {Schemas} from '@shared/app/api.ts'

/** "2.00 m", as signs have it. */
export const metres = (cm: number, language: Language): string => `${(cm / 100).toFixed(2).replace('.', language === 'de' ? ',' : '.')} m`

/** A text in the reader's language, else in the one that there is, which is named then. */
export function inWords(t: Schemas['Texts'] | undefined, language: Language): {text: string; lang?: string} | null {
  const own = t?.[language]
  if (own) return {text: own}
  const other = Object.entries(t ?? {}).find(([, x]) => x)
  return other ? {text: other[1], lang: other[0]} : null
}
