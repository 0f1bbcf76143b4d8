// The line to the agent: what is to be shown, and what somebody asks for.
import {live} from '@shared/live/live.ts'
import type {Ask, Refusal, State} from './api.ts'

/** Nothing from the agent for so long: it is gone. It sends a comment every 10 s. */
const SILENCE = 25_000
/** It may start anew; what is shown stays for so long. */
const PATIENCE = 4_000

class Line {
  state = $state.raw<State | null>(null)
  /** The agent answers. */
  there = $state(false)
  /** When the last state came, by this page's clock: countdowns begin then. */
  at = $state(0)
  /** Why the last thing that was asked for did not happen. */
  refused = $state<Refusal | 'away' | ''>('')
  /** What is being asked for; empty: nothing. Buttons wait for it. */
  busy = $state('')
  #touched = 0
  #gone: ReturnType<typeof setTimeout> | undefined

  start(): () => void {
    return live({
      url: '/kiosk/api/state', silence: SILENCE,
      state: s => {
        if (s.name === 'offline') this.#gone ??= setTimeout(() => { this.there = false }, PATIENCE)
        else if (s.name === 'refused' || s.name === 'over') this.there = false
      },
      event: (_, data) => {
        const s = data as State
        if (this.state?.screen_id !== s.screen_id) this.refused = ''
        this.state = s
        this.at = Date.now()
        clearTimeout(this.#gone)
        this.#gone = undefined
        this.there = true
      },
    })
  }

  /** Asks for something, once for each tap: a lost answer is asked for again with the same key. True: it was done. */
  async ask(what: Ask): Promise<boolean> {
    const screen = this.state?.screen_id
    if (screen === undefined || this.busy && what.action !== 'touch') return false
    if (what.action !== 'touch') { this.busy = what.action; this.refused = '' }
    const body = JSON.stringify({screen_id: screen, key: key(), ...what})
    try {
      for (let tries = 0; ; tries++) {
        try {
          const got = await fetch('/kiosk/api/do', {method: 'POST', headers: {'Content-Type': 'application/json'}, body})
          if (got.ok) return true
          if (what.action !== 'touch') this.refused = ((await got.json().catch(() => ({}))) as {code?: Refusal}).code ?? 'away'
          return false
        } catch {
          if (tries >= 3) { if (what.action !== 'touch') this.refused = 'away'; return false }
          await new Promise(ok => setTimeout(ok, 400 * 2 ** tries))
        }
      }
    } finally {
      if (what.action !== 'touch') this.busy = ''
    }
  }

  /** Somebody is there; told at most once a second, and only when the screen would end. */
  touch(): void {
    const now = Date.now()
    if (!this.state?.deadline || now - this.#touched < 1000) return
    this.#touched = now
    void this.ask({action: 'touch'})
  }
}

const key = (): string => Array.from(crypto.getRandomValues(new Uint8Array(16)), b => b.toString(16).padStart(2, '0')).join('')

export const line = new Line()
