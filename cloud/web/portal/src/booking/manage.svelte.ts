// One booking as this page sees it: what is known, what is being done, what went
// wrong. It is live by a stream; everything else asks once. The price of leaving now is
// asked again each minute by Stay while it is looked at: it depends on the clock.
import {live, type State} from '@shared/live/live.ts'
import {api, as, base, data, Failure, freshKey, type Schemas} from '@shared/app/api.ts'
import {booking, forget, keep, seenBy, type Kept} from '../bookings.svelte.ts'
import {owner} from '../session.svelte.ts'
import {heard} from '@shared/app/clock.svelte.ts'
import {isObject, tab} from '@shared/app/stored.ts'
import {Once} from '@shared/app/once.ts'
import {newer, type Money, type Reservation} from './rules.ts'

export type Act = '' | 'confirm' | 'cancel' | 'extend' | 'modify' | 'pay' | 'card' | 'withdraw'
/** What did not work, for the page to say. */
export interface Wrong { act: Act | 'load'; failure: Failure }
export interface Place { id: string; name: string; timezone: string; latitude: number; longitude: number }

const BANK = 'openlot.bank'

export class Managed {
  readonly id: string
  r = $state.raw<Reservation | null>(null)
  place = $state.raw<Place | null>(null)
  parking = $state.raw<Schemas['ParkingDetail'] | null>(null)
  busy = $state<Act>('')
  wrong = $state.raw<Wrong | null>(null)
  /** What has just been done, for a sentence about it. */
  done = $state<Act>('')
  /** Neither this device nor the session has it. */
  missing = $state(false)
  offlineSince = $state<number | null>(null)
  /** Why nothing is told any more: it was refused, or all is settled. */
  still = $state<'' | 'refused' | 'over'>('')
  token: string
  /** What opened it before a token came with the address; null: that one counts, or has been accepted. */
  #before: string | null = null
  /** When what is known was asked for, or told. */
  #asked: number
  #stop: () => void = () => {}
  #ended = false
  #asking = false
  #late: ReturnType<typeof setTimeout> | undefined
  readonly #once = {extend: new Once(freshKey), modify: new Once(freshKey), pay: new Once(freshKey), card: new Once(freshKey)}

  constructor(id: string, token: string) {
    this.id = id
    const b: Kept | undefined = booking(id)
    // Anybody can make a link: its token takes the place of one that works only when the server has taken it.
    if (b && token && token !== b.token) this.#before = b.token
    else if (token) keep({id, token})
    this.token = token || b?.token || ''
    this.#asked = seenBy(b)
    this.r = b?.reservation ?? null
    this.place = b?.parking ?? null
  }

  get zone(): string { return this.place?.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone }
  get name(): string { return this.place?.name ?? this.r?.parking_id ?? '' }
  #client() { return this.token ? as(this.token) : api }
  get #path() { return {path: {id: this.id}} }
  get headers(): Record<string, string> { return this.token ? {Authorization: `Bearer ${this.token}`} : {} }

  /** Asks once, then listens. The result ends it. */
  open(): () => void {
    const cut = () => this.#line({name: 'offline', since: Date.now()})
    const back = () => { void this.load() } // a stream may have outlived the cut, and says nothing then
    globalThis.addEventListener('offline', cut)
    globalThis.addEventListener('online', back)
    if (!navigator.onLine) cut()
    void this.#begin()
    return () => {
      this.#ended = true
      clearTimeout(this.#late)
      globalThis.removeEventListener('offline', cut)
      globalThis.removeEventListener('online', back)
      this.#stop()
    }
  }

  async #begin(): Promise<void> {
    if (this.r) void this.#where(this.r)
    await this.load()
    if (this.#ended || this.missing) return
    this.#listen()
  }

  #listen(): void {
    this.#stop()
    this.#stop = live({
      url: `${base}/reservations/${encodeURIComponent(this.id)}`, headers: this.headers, date: heard,
      event: (name, d) => { if (name === 'reservation' && isObject(d)) this.take((isObject(d['reservation']) ? d['reservation'] : d) as unknown as Reservation, Date.now()) },
      state: s => this.#line(s),
    })
  }

  /** A line that is lost for a moment only is not worth a word; one that the device knows to be cut is. */
  #line(s: State): void {
    if (s.name === 'offline') {
      const tell = () => { this.offlineSince ??= s.since }
      if (navigator.onLine) this.#late ??= setTimeout(tell, 3_000)
      else tell()
      return
    }
    if (s.name === 'connecting') return
    this.#through()
    this.still = s.name === 'live' ? '' : s.name
    if (s.name === 'refused') void this.load() // a stream cannot say why; a question can
  }

  /** Somebody answered. That alone does not make it live again. */
  #through(): void {
    clearTimeout(this.#late)
    this.#late = undefined
    this.offlineSince = null
    if (this.wrong?.failure.code === 'offline') this.wrong = null // nobody answered then; somebody does now
  }

  /** Asks and listens once more, where that had been refused. */
  again = async (): Promise<void> => {
    this.wrong = null
    await this.load()
    if (!this.#ended && !this.missing) this.#listen()
  }

  async load(): Promise<void> {
    const asked = Date.now()
    try {
      this.take((await data(this.#client().GET('/reservations/{id}', {params: this.#path}))).reservation, asked)
    } catch (e) {
      if (!(e instanceof Failure)) throw e
      if (e.code === 'offline') this.#line({name: 'offline', since: Date.now()})
      else if (e.problem?.status === 404 || e.problem?.status === 401) await this.#unknown()
      else this.wrong = {act: 'load', failure: e}
    }
  }

  /** Nobody opens it so: what opened it before may. */
  async #unknown(): Promise<void> {
    if (this.#before === null) { this.missing = true; return }
    this.token = this.#before
    this.#before = null
    await this.load()
  }

  /** Takes what is known now, unless something newer is; `asked` is when it was asked for, or told. */
  take(fresh: Reservation, asked: number): void {
    if (this.#ended) return
    if (navigator.onLine) this.#through() // whoever brought it came through
    if (this.#before !== null) { this.#before = null; keep({id: this.id, token: this.token}) }
    if (!newer(this.r, fresh, asked, this.#asked)) return
    this.missing = false
    this.r = fresh
    this.#asked = asked
    keep({id: this.id, reservation: fresh, seen: asked, ...(!this.token && {account: owner()})})
    if (this.parking?.id !== fresh.parking_id) void this.#where(fresh)
    // Back from the bank's page: ask what became of it, once.
    const open = fresh.pending_change?.payment ?? fresh.owed?.payment ?? fresh.payment
    if (open.state === 'requires_action' && this.#visited()) void this.confirm()
  }

  async #where(r: Reservation): Promise<void> {
    if (this.#asking) return
    this.#asking = true
    try {
      const p = await data(api.GET('/parking', {params: {query: {id: r.parking_id}}}))
      if (this.#ended) return
      this.parking = p
      this.place = {id: p.id, name: p.name, timezone: p.timezone, latitude: p.latitude, longitude: p.longitude}
      keep({id: this.id, parking: this.place})
    } catch { /* what is kept of it, or its id, is shown */ } finally { this.#asking = false }
  }

  /** Remembers that the bank's page is gone to, in this tab. */
  goToBank = (): void => { try { tab().setItem(BANK, this.id) } catch { /* then the stream brings it */ } }
  #visited(): boolean {
    try {
      if (tab().getItem(BANK) !== this.id) return false
      tab().removeItem(BANK)
      return true
    } catch { return false }
  }

  async #act(act: Act, call: () => Promise<{reservation: Reservation}>): Promise<boolean> {
    if (this.busy) return false
    this.busy = act
    this.done = ''
    this.wrong = null
    const once = act === 'extend' || act === 'modify' || act === 'pay' || act === 'card' ? this.#once[act] : null
    const asked = Date.now()
    try {
      const {reservation} = await call()
      once?.ended()
      this.take(reservation, asked)
      this.done = act
      return true
    } catch (e) {
      if (!(e instanceof Failure)) throw e
      once?.ended(e)
      if (!this.#ended) this.wrong = {act, failure: e}
      if (e.code !== 'offline') void this.load()
      return false
    } finally {
      this.busy = ''
    }
  }

  confirm = () => this.#act('confirm', () => data(this.#client().POST('/reservations/{id}/confirm', {params: this.#path})))
  // What was shown goes along: at another price nothing happens, and the page asks anew.
  cancel = (charge?: Money) => this.#act('cancel', () => data(this.#client().POST('/reservations/{id}/cancel', {params: this.#path, ...(charge && {body: {charge}})})))
  withdraw = () => this.#act('withdraw', () => data(this.#client().DELETE('/reservations/{id}/change', {
    params: {...this.#path, query: {payment: this.r?.pending_change?.payment.id}},
  })))
  // So does the version that is shown: what another tab or device has changed meanwhile is looked at first.
  extend = (to: string, price: Money) => this.#act('extend', () => {
    const {key, version} = this.#once.extend.wish({to, price}, this.r?.version)
    return data(this.#client().POST('/reservations/{id}/extend', {params: {...this.#path, header: {'Idempotency-Key': key}}, body: {to, price, ...(version && {version})}}))
  })
  modify = (body: {from: string; to: string; space_type: string; price: Money}) => this.#act('modify', () => {
    const {key, version} = this.#once.modify.wish(body, this.r?.version)
    return data(this.#client().POST('/reservations/{id}/modify', {params: {...this.#path, header: {'Idempotency-Key': key}}, body: {...body, ...(version && {version})}}))
  })
  pay = (method: string) => this.#act('pay', () => data(this.#client().POST('/reservations/{id}/pay', {
    params: {...this.#path, header: {'Idempotency-Key': this.#once.pay.key(method)}}, body: method ? {payment_method: method} : {},
  })))

  card = (method: string) => this.#act('card', () => data(this.#client().POST('/reservations/{id}/card', {
    params: {...this.#path, header: {'Idempotency-Key': this.#once.card.key({method, after: this.r?.payment.id})}}, body: {payment_method: method},
  })))

  /** By what the end of the time is told of, and whether there is a number for an SMS. */
  reminders = () => data(this.#client().GET('/reservations/{id}/reminders', {params: this.#path}))
  remind = (body: {mail: boolean; sms: boolean}) => data(this.#client().PUT('/reservations/{id}/reminders', {params: this.#path, body}))

  /** What a change, or with nothing given leaving now, would cost. */
  async price(change: {from?: string; to?: string; space_type?: string} = {}): Promise<Money> {
    return (await data(this.#client().POST('/reservations/{id}/price', {params: this.#path, body: change}))).price
  }

  forget = (): void => forget(this.id)
}
