// Where the focus goes when what had it is no more: a keyboard and a screen reader go on from there.
import {tick} from 'svelte'

/** After the page has changed: to what `find` gives, else to where it is told what was done; not when somebody has gone elsewhere meanwhile. */
export async function refocus(find: () => HTMLElement | null | undefined): Promise<void> {
  await tick()
  const at = document.activeElement
  if (at && at !== document.body && at.isConnected) return
  const to = find()
  if (to?.isConnected) to.focus()
  else (document.getElementById('done') ?? document.getElementById('main'))?.focus({preventScroll: true})
}
