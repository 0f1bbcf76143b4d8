import type {Money} from '../booking/rules.ts'

/** A percentage of an amount, as the cloud counts it: what is below a minor unit is dropped. */
export const part = (a: Money, percent: number): Money => ({minor: Math.floor((Math.max(0, a.minor) * percent) / 100), currency: a.currency})
