// Asking the server for something that a button wants: what is being asked, and
// what became of it.
import {Failure, refusal} from './api.ts'

export class Ask {
  /** The name of what is being asked; empty: nothing. */
  busy = $state('')
  failure = $state.raw<Failure | null>(null)
  /** What had failed because the log-in is too long ago; done again after the next one. */
  later = $state.raw<(() => void) | null>(null)

  /** Runs one thing at a time; true: it was done. */
  async run(name: string, f: () => Promise<unknown>): Promise<boolean> {
    if (this.busy) return false
    this.busy = name
    this.failure = null
    try {
      await f()
      return true
    } catch (e) {
      const failure = e instanceof Failure ? e : new Failure('internal')
      if (failure.code === 'login_again') this.later = () => { this.later = null; void this.run(name, f) }
      else this.failure = failure
      return false
    } finally {
      this.busy = ''
    }
  }
}

interface Answer { data?: unknown; error?: unknown; response: Response }

/** Throws a Failure unless it was answered well. For answers without content. */
export async function done(call: Promise<Answer>): Promise<void> {
  let got: Answer
  try {
    got = await call
  } catch {
    throw new Failure('offline')
  }
  if (!got.response.ok) throw refusal(got.error, got.response)
}

/** The content of a good answer, if it has any; else throws as done does. */
export async function answered<T>(call: Promise<{data?: T; error?: unknown; response: Response}>): Promise<T | undefined> {
  let got: T | undefined
  await done(call.then(a => { got = a.data; return a }))
  return got || undefined // 204 has none
}

/** What looks like an address that mail could be sent to. */
export const isEmail = (text: string): boolean => /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(text)

/** The server's rule for a new password, as far as it can be told here. */
export const isWeak = (password: string): boolean => new TextEncoder().encode(password).length < 10

/** A phone number as a contact has it: +49 151 23456789. Empty is none. */
export const isPhone = (text: string): boolean => text === '' || /^\+[1-9][\d ()-]{6,}$/.test(text)

/** A plate as it is kept: letters and digits alone, as many as the server takes. */
export const plain = (plate: string): string => plate.toUpperCase().replace(/[\s-]/g, '')
export const isPlate = (text: string): boolean => /^[A-Z0-9]{2,12}$/.test(plain(text))
