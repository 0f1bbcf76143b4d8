// A list that comes in pages: the newest first, more when it is asked for.
import {Failure} from '@shared/api/client.ts'

export interface Page<T> { rows: readonly T[]; next?: string | undefined }

export class Paged<T> {
  rows = $state.raw<readonly T[] | null>(null)
  failure = $state.raw<Failure | null>(null)
  busy = $state(false)
  next = $state.raw<string | undefined>(undefined)
  #turn = 0
  #ask: ((cursor: string | undefined) => Promise<Page<T>>) | null = null

  /** Asks for the first page of a question; answers to the one before are dropped. */
  async ask(f: (cursor: string | undefined) => Promise<Page<T>>): Promise<void> {
    this.#ask = f
    this.next = undefined
    await this.#load(undefined)
  }
  /** The same again, from its begin. */
  again = (): Promise<void> => this.#load(undefined)
  more = (): Promise<void> => (this.next ? this.#load(this.next) : Promise.resolve())

  async #load(cursor: string | undefined): Promise<void> {
    if (!this.#ask) return
    const turn = ++this.#turn
    this.busy = true
    this.failure = null
    try {
      const got = await this.#ask(cursor)
      if (turn !== this.#turn) return
      this.rows = cursor && this.rows ? [...this.rows, ...got.rows] : got.rows
      this.next = got.next
    } catch (e) {
      if (turn !== this.#turn) return
      this.failure = e instanceof Failure ? e : new Failure('internal')
    } finally {
      if (turn === this.#turn) this.busy = false
    }
  }
}
