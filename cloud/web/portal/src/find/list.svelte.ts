// The list: asked for once, then kept right by the stream.
import {live, type State} from '@shared/live/live.ts'
import type {Window} from '@shared/kerb/kerb.ts'
import {heard} from '@shared/app/clock.svelte.ts'
import type {Schemas} from '@shared/app/api.ts'
import {keepPlaces, merge, order, type Parking, type Sort} from './rules.ts'

/** What is asked: the address, and what the rows are then for. */
export interface Ask { url: string; window: Window; type: string; sort: Sort; /** What was typed. */ text?: string }

interface Page { parkings: Parking[]; next_cursor: string | null }

export class List {
  /** What the rows are for; null: nothing has come yet. */
  shown = $state.raw<Ask | null>(null)
  rows = $state.raw<ReadonlyMap<string, Parking>>(new Map())
  ids = $state.raw<readonly string[]>([])
  hasMore = $state(false)
  line = $state.raw<State>({name: 'connecting'})
  /** A code of the API, when it does not answer this. */
  refused = $state<Schemas['ProblemCode'] | null>(null)
  #stop: (() => void) | null = null
  #streams: typeof live
  #fetch: typeof fetch

  constructor(streams = live, ask: typeof fetch = (...a) => fetch(...a)) {
    this.#streams = streams
    this.#fetch = ask
  }

  get parkings(): Parking[] {
    return this.ids.flatMap(id => this.rows.get(id) ?? [])
  }

  watch(ask: Ask): void {
    this.end()
    this.refused = null
    let over = false
    const end = this.#streams({
      url: ask.url, date: heard,
      event: (name, data) => {
        if (name === 'snapshot') this.#fill(ask, data as Page)
        else if (name === 'availability') this.rows = merge(this.rows, data as Parking[])
      },
      state: s => {
        this.line = s
        // The stream does not say why; a plain question does, or is at least an answer.
        if (s.name === 'refused' || (s.name === 'offline' && this.shown?.url !== ask.url)) void this.#once(ask, () => over)
      },
    })
    this.#stop = () => { over = true; end() }
  }

  end(): void {
    this.#stop?.()
    this.#stop = null
  }

  /** Puts the rows in order anew; only when somebody asks for it. */
  sort(sort: Sort): void {
    if (!this.shown) return
    this.shown = {...this.shown, sort}
    this.ids = order(this.#byServer, sort, this.shown.type, this.shown.text)
  }

  /** Whether the numbers have moved so that the order is no longer that of the rows. */
  get moved(): boolean {
    return this.shown !== null && order(this.parkings, this.shown.sort, this.shown.type, this.shown.text).some((id, i) => id !== this.ids[i])
  }

  #server: readonly string[] = []
  get #byServer(): Parking[] { return this.#server.flatMap(id => this.rows.get(id) ?? []) }

  async #once(ask: Ask, over: () => boolean): Promise<void> {
    try {
      const r = await this.#fetch(ask.url, {headers: {Accept: 'application/json'}, cache: 'no-store'})
      const answer: unknown = await r.json()
      if (over()) return
      if (r.ok) {
        if (this.shown?.url !== ask.url) this.#fill(ask, answer as Page)
      } else this.refused = (answer as Schemas['Problem']).code ?? 'internal'
    } catch {
      // no answer at all: the stream's state says so
    }
  }

  #fill(ask: Ask, page: Page): void {
    const again = this.shown?.url === ask.url
    // Those that have spaces, but none of this kind, are no answer.
    const found = page.parkings.filter(p => p.space_types.length === 0 || p.space_types.some(t => t.type === ask.type))
    this.#server = found.map(p => p.id)
    this.rows = new Map(found.map(p => {
      const known = again ? this.rows.get(p.id) : undefined
      return [p.id, known && known.version > p.version ? known : p]
    }))
    const fresh = order(found, ask.sort, ask.type, ask.text)
    this.ids = again ? keepPlaces(this.ids, fresh) : fresh
    this.hasMore = page.next_cursor !== null
    this.refused = null
    this.shown = again && this.shown ? this.shown : ask
  }
}
