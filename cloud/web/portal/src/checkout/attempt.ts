// A reservation that was sent and whose end nobody knows. It is kept whole, with
// its key, until it is answered: what is sent again must be the very same, or it
// would be another one, with another hold.
import type {Schemas} from '@shared/app/api.ts'
import {unclear} from '@shared/app/once.ts'
import {isObject, read, tab, write} from '@shared/app/stored.ts'

export interface Attempt {
  key: string
  body: Schemas['ReserveRequest']
  /** The price that was agreed to. */
  quote: Schemas['Quote']
  /** Whose it is; empty: a guest's. Keys of an account and of guests are apart. */
  by: string
}

const PREFIX = 'openlot.attempt.'
const isAttempt = (v: unknown): v is Attempt | null => v === null ||
  (isObject(v) && typeof v['key'] === 'string' && typeof v['by'] === 'string' && isObject(v['body']) && isObject(v['quote']))

export class Attempts {
  readonly #place: string
  readonly #fresh: () => string
  #now: Attempt | null
  /** Attempts at one parking: in this tab, so that neither a reload nor going back loses them. */
  constructor(parking: string, fresh: () => string) {
    this.#place = PREFIX + parking
    this.#fresh = fresh
    this.#now = read(tab, this.#place, null, isAttempt)
  }

  /** The one whose end is not known. */
  get open(): Attempt | null { return this.#now }

  /** A new one, kept before it is sent. */
  begin(wish: Omit<Attempt, 'key'>): Attempt {
    this.#now = {key: this.#fresh(), ...wish}
    write(tab, this.#place, this.#now)
    return this.#now
  }

  /** What became of it is known, or not (then it stays). True: it is known. */
  ended(e?: unknown): boolean {
    if (e !== undefined && unclear(e)) return false
    this.#now = null
    drop(k => k === this.#place)
    return true
  }
}

/** Forgets what is open: it was somebody's who has left, and would be another's if it were sent again. */
export const forgetAttempts = (): void => drop(k => k.startsWith(PREFIX))

function drop(which: (key: string) => boolean): void {
  try {
    for (const k of Object.keys(tab())) if (which(k)) tab().removeItem(k)
  } catch { /* nothing was kept */ }
}
