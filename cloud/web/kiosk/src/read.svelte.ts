// Reading the screen out, for who cannot see it. Headphones and speaker are the machine's business.
import type {Language} from '@shared/format/format.ts'

const speech = (): SpeechSynthesis | undefined => globalThis.speechSynthesis

export const reads = $state({on: false, possible: typeof globalThis.SpeechSynthesisUtterance === 'function'})

/** What is read of a screen, in its order; amounts twice. */
export function texts(of: ParentNode): string[] {
  return [...of.querySelectorAll<HTMLElement>('[data-read], button:not([disabled])')].flatMap(e => {
    const text = (e.getAttribute('aria-label') ?? e.textContent ?? '').replace(/\s+/g, ' ').trim()
    return text ? (e.dataset['read'] === 'twice' ? [text, text] : [text]) : []
  })
}

export function speak(of: ParentNode, language: Language): void {
  const s = speech()
  if (!s) return
  s.cancel()
  for (const t of texts(of)) {
    const u = new SpeechSynthesisUtterance(t)
    u.lang = language === 'de' ? 'de-DE' : 'en-GB'
    s.speak(u)
  }
}

export function quiet(): void { reads.on = false; speech()?.cancel() }
