// Whether the portal may be put on the home screen, and whether somebody has said no to
// that: asked once, quietly, and never again.
import {device, read, write} from '@shared/app/stored.ts'

/** What a browser hands over that can install by itself. */
interface Offer extends Event {
  prompt(): Promise<unknown>
  readonly userChoice: Promise<{outcome: 'accepted' | 'dismissed'}>
}

const KEY = 'openlot.install'
const isBoolean = (v: unknown): v is boolean => typeof v === 'boolean'
let offer = $state.raw<Offer | null>(null)
let over = $state(read(device, KEY, false, isBoolean))

/** Whether this page runs from the home screen. */
const atHome = (): boolean => matchMedia('(display-mode: standalone)').matches || (navigator as {standalone?: boolean}).standalone === true

/** How it may be offered: by the browser's own question; by words, where only a person can do it (iOS); or not. */
export function way(): 'ask' | 'words' | '' {
  if (over || atHome()) return ''
  if (offer) return 'ask'
  return (navigator as {standalone?: boolean}).standalone === false ? 'words' : ''
}

/** Never offers it again on this device. */
export function enough(): void {
  over = true
  offer = null
  write(device, KEY, true)
}

/** Asks by the browser's own question; whatever the answer, it was asked once. */
export async function install(): Promise<void> {
  const asks = offer
  if (!asks) return
  try {
    await asks.prompt()
    await asks.userChoice
  } catch { /* it was asked before, or may not be */ }
  enough()
}

/** Listens for the browser's offer, which comes when it likes. */
export function listen(): void {
  addEventListener('beforeinstallprompt', e => {
    e.preventDefault() // no bar of the browser's own over somebody's search
    if (!over) offer = e as Offer
  })
  addEventListener('appinstalled', enough)
}
