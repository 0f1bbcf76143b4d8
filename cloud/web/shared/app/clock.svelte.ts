// The time of now, for what is shown and for what is compared with the server's times: it moves on by itself while
// somebody looks. It is the server's, as far as that is known: a device's clock may be hours wrong.
import {createSubscriber} from 'svelte/reactivity'

/** What the server's clock is ahead of this device's, in ms; 0 until something else is known. */
let ahead = $state(0)

/** Two clocks that differ by no more are the same: answers tell the time in whole seconds, and are on the way for a while. */
const SAME = 3_000
/** An answer that was so long on the way, as while a device sleeps, says too little. */
const LONG = 15_000

/** What `ahead` becomes when an answer of the server's time `date` has come now, and was asked for then. */
export function aheadBy(known: number, date: string | null, asked: number, now: number): number {
  const at = date ? Date.parse(date) : NaN
  if (Number.isNaN(at) || now < asked || now - asked > LONG) return known
  const seen = at + 500 - now
  return Math.abs(seen - known) <= SAME ? known : Math.abs(seen) <= SAME ? 0 : seen
}

/** Takes the time of an answer of the server, which must be a fresh one. */
export function heard(date: string | null, asked: number): void {
  ahead = aheadBy(ahead, date, asked, Date.now())
}

/** Now in ms by the server's clock. What is compared with a time of the server is compared with this. */
export const serverNow = (): number => Date.now() + ahead

/** Now in ms, told anew each `every` ms. */
export function ticking(every: number): {readonly now: number} {
  const subscribe = createSubscriber(update => {
    const timer = setInterval(update, every)
    return () => clearInterval(timer)
  })
  return {get now() { subscribe(); return serverNow() }}
}

/** Half a minute is exact enough for what has minutes. */
export const minutes = ticking(15_000)
export const seconds = ticking(1_000)

const shown = createSubscriber(update => {
  document.addEventListener('visibilitychange', update)
  return () => document.removeEventListener('visibilitychange', update)
})
/** Whether somebody may be looking: a tab behind others is hidden. */
export const page = {get visible(): boolean { shown(); return !document.hidden }}
