// Cards through Stripe: its script is loaded only when the API says that there is an
// account, and its fields are frames of its own. This was tested against a stand-in
// of the script's global, and has never been run against Stripe.
import type {CardForm} from './cards.ts'

export interface Element {
  mount(target: HTMLElement): void
  destroy(): void
  on(event: 'change', heard: (e: {error?: {message?: string}}) => void): void
}
export interface Stripe {
  elements(o: {locale: string}): {create(kind: 'card', o: {hidePostalCode: boolean; style: {base: Record<string, string>}}): Element}
  createPaymentMethod(o: {type: 'card'; card: Element}): Promise<{paymentMethod?: {id: string}; error?: {code?: string; message?: string}}>
}
export type Global = (key: string) => Stripe

const SCRIPT = 'https://js.stripe.com/v3/'
let loading: Promise<Global> | null = null

const there = (): Global | undefined => (globalThis as {Stripe?: Global}).Stripe

/** Loads Stripe's script, once. */
export function load(doc: Document = document): Promise<Global> {
  const now = there()
  if (now) return Promise.resolve(now)
  loading ??= new Promise<Global>((done, failed) => {
    const s = doc.createElement('script')
    s.src = SCRIPT
    s.onload = () => { const g = there(); if (g) done(g); else failed(new Error('the script came without its global')) }
    s.onerror = () => { loading = null; s.remove(); failed(new Error('the script did not come')) }
    doc.head.append(s)
  })
  return loading
}

export interface Mounted extends CardForm { destroy(): void }

/** Puts Stripe's fields into target. `wrong` hears what Stripe says of what is typed; '' when it is good. */
export function mount(stripe: Stripe, target: HTMLElement, language: string, look: Record<string, string>, wrong: (text: string) => void): Mounted {
  const card = stripe.elements({locale: language}).create('card', {hidePostalCode: true, style: {base: look}})
  card.mount(target)
  card.on('change', e => wrong(e.error?.message ?? ''))
  return {
    async token() {
      const {paymentMethod, error} = await stripe.createPaymentMethod({type: 'card', card})
      if (paymentMethod) return paymentMethod.id
      wrong(error?.message ?? '')
      return null
    },
    destroy: () => card.destroy(),
  }
}
