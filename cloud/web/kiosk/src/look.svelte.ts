// How this visitor reads: language and contrast. Back to the owner's choice when the visit is over.
import type {Language, Reading} from '@shared/format/format.ts'

export const look = $state<{language: Language; contrast: boolean}>({language: 'en', contrast: false})
export const reading = (): Reading => ({language: look.language, hour12: false})
export const words = <T>(all: Record<Language, T>): T => all[look.language]

/** The first language that the owner wants and we have. */
export const first = (wanted: readonly string[]): Language => {
  for (const l of wanted) if (l === 'en' || l === 'de') return l
  return 'en'
}
