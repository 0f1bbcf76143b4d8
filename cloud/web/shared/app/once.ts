// One key for one wish. A request that may have arrived is sent again with the
// same key, so that it happens once; another wish, or one whose end is known, gets
// a new one.
import {Failure} from './api.ts'

/** Whether nobody knows what became of a request. */
export const unclear = (e: unknown): boolean =>
  !(e instanceof Failure) || e.code === 'offline' || e.code === 'request_in_progress' || (e.problem?.status ?? 500) >= 500

export class Once {
  #key = ''
  #about = ''
  #version: number | undefined
  readonly #fresh: () => string
  constructor(fresh: () => string) { this.#fresh = fresh }

  /** The key for this content: the one from before while that is not settled. */
  key(content: unknown): string {
    const about = JSON.stringify(content)
    if (!this.#key || about !== this.#about) { this.#key = this.#fresh(); this.#about = about }
    return this.#key
  }

  /** The key for this content, and the version that it was first sent for: what is sent again must be the very same. */
  wish(content: unknown, version: number | undefined): {key: string; version: number | undefined} {
    const before = this.#key, key = this.key(content)
    if (key !== before) this.#version = version
    return {key, version: this.#version}
  }

  /** What became of it is known, or not (then the key stays). */
  ended(e?: unknown): void {
    if (e === undefined || !unclear(e)) this.#key = ''
  }
}
