// What somebody types as an amount of money. Pure.

/** Minor units of an amount as it is typed, "1.50" or "1,50"; null: it is none. */
export function minor(text: string, currency: string): number | null {
  const digits = new Intl.NumberFormat('en', {style: 'currency', currency}).resolvedOptions().maximumFractionDigits ?? 2
  const m = /^(\d{1,7})(?:[.,](\d+))?$/.exec(text.trim())
  if (!m || (m[2] ?? '').length > digits) return null
  const n = Number(m[1]) * 10 ** digits + Number((m[2] ?? '').padEnd(digits, '0') || 0)
  return n > 0 ? n : null
}
