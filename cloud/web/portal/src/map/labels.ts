// Names under pins, where they cover nothing.
import type {Cluster} from './clusters.ts'
import type {Point} from './mercator.ts'

export interface Label extends Point { text: string }
interface Box { x0: number; x1: number; y0: number; y1: number }

const meet = (a: Box, b: Box) => a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1
/** A letter is about so wide at the size of the labels. */
const LETTER = 6.8

/** The names that fit: none lies on a pin, on another name or over the edge. */
export function labels(drawn: readonly {c: Cluster; at: Point}[], width: number, height: number): Label[] {
  const taken: Box[] = drawn.map(({at}) => ({x0: at.x - 26, x1: at.x + 26, y0: at.y - 52, y1: at.y + 2}))
  const out: Label[] = []
  for (const {c, at} of drawn) {
    const [p] = c.pins
    if (c.pins.length !== 1 || !p) continue
    const half = (p.name.length * LETTER) / 2
    const box = {x0: at.x - half, x1: at.x + half, y0: at.y + 3, y1: at.y + 20}
    if (box.x0 < -width / 2 || box.x1 > width / 2 || box.y1 > height / 2 || taken.some(t => meet(t, box))) continue
    taken.push(box)
    out.push({x: at.x, y: at.y + 16, text: p.name})
  }
  return out
}
