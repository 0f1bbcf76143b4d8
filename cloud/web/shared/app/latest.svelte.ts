// The latest value of a live stream, and how the line to it is.
import {live, type State} from '../live/live.ts'

/** What the server last said under one address, kept when the line is lost. Made while a component is set up; ends with it. */
export class Latest<T> {
  value = $state.raw<T | null>(null)
  line = $state.raw<State>({name: 'connecting'})
  /** When the last value came, in ms; 0: none yet. */
  at = $state(0)
  #stop: (() => void) | null = null
  #url = ''

  /** Listens under another address; the value of the one before is gone. */
  watch(url: string): void {
    if (url === this.#url) return
    this.end()
    this.#url = url
    this.value = null
    this.at = 0
    this.#stop = live({
      url, state: s => { this.line = s },
      event: (_, data) => { this.value = data as T; this.at = Date.now() },
    })
  }
  end(): void { this.#stop?.(); this.#stop = null; this.#url = '' }
  /** Since when there is no line, in ms; null: there is one, or it is just being made. */
  get lost(): number | null { return this.line.name === 'offline' ? this.line.since : null }
}
