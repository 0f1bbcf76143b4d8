// A price is a sum that can be checked with a pencil; this is the pencil.
export interface Amount { minor: number; currency: string }
export interface Checked { total: number; right: boolean; difference: number }

/** Adds the lines up and compares. Another currency, or a part of a cent, is never right. */
export function check(lines: readonly {amount: Amount}[], stated: Amount): Checked {
  const total = lines.reduce((sum, l) => sum + l.amount.minor, 0)
  const sound = lines.every(l => l.amount.currency === stated.currency && Number.isSafeInteger(l.amount.minor))
  return {total, right: sound && Number.isSafeInteger(stated.minor) && total === stated.minor, difference: stated.minor - total}
}
