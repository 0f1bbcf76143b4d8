// Changes of an account, one after the other: what is wanted while another is on its way
// is sent after it, of each field the latest.
import {Failure, type Schemas} from '@shared/app/api.ts'

export type Change = Schemas['ChangeMeRequest']
export type Field = keyof Change

export class Changes {
  /** What is wanted and not kept yet: on its way, or waiting. What is refused is not in it any more. */
  wanted = $state.raw<Change>({})
  /** What was kept last; empty: something has been wanted since. */
  kept = $state<Field | ''>('')
  /** What was not kept, and why, until it is wanted again. */
  failures = $state.raw<Partial<Record<Field, Failure>>>({})
  readonly #send: (c: Change) => Promise<unknown>
  #sending: Change = {}
  #waiting: Change = {}
  #busy = false

  constructor(send: (c: Change) => Promise<unknown>) { this.#send = send }

  /** Wants something else from now on. */
  change(c: Change): void {
    this.#waiting = {...this.#waiting, ...c}
    this.kept = ''
    this.failures = Object.fromEntries(Object.entries(this.failures).filter(([f]) => !(f in c)))
    this.#tell()
    if (!this.#busy) void this.#run()
  }

  /** Each field goes by itself, so that one that is refused spoils no other. */
  async #run(): Promise<void> {
    this.#busy = true
    for (let field = this.#next(); field; field = this.#next()) {
      const {[field]: value, ...rest} = this.#waiting
      this.#sending = {[field]: value}
      this.#waiting = rest
      try {
        await this.#send(this.#sending)
        this.kept = field
      } catch (e) {
        // What is wanted by now is asked for next, whatever became of this.
        if (!(field in this.#waiting)) this.failures = {...this.failures, [field]: e instanceof Failure ? e : new Failure('internal')}
      }
      this.#sending = {}
      this.#tell()
    }
    this.#busy = false
  }

  #next = (): Field | undefined => Object.keys(this.#waiting)[0] as Field | undefined
  #tell(): void { this.wanted = {...this.#sending, ...this.#waiting} }
}
