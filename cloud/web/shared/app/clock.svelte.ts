// The time of now, for what is shown: it moves on by itself while somebody looks.
import {createSubscriber} from 'svelte/reactivity'

/** Now in ms, told anew each `every` ms. */
export function ticking(every: number): {readonly now: number} {
  const subscribe = createSubscriber(update => {
    const timer = setInterval(update, every)
    return () => clearInterval(timer)
  })
  return {get now() { subscribe(); return Date.now() }}
}

/** Half a minute is exact enough for what has minutes. */
export const minutes = ticking(15_000)
export const seconds = ticking(1_000)
