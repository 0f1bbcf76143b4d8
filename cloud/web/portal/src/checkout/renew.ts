// When a price is asked anew, before it runs out.

/** So long a price that was just asked stays, whatever the clocks say: one that is wrong asks for no more than one a minute. */
const LEAST = 60_000

/** In how many ms a price is asked anew that stands for `left` ms more, so much `before` it runs out, and was asked `age` ms ago. */
export const renewIn = (left: number, age: number, before = 0): number => Math.max(0, left - before, LEAST - age)
