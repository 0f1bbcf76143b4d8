// The cards of the built-in sandbox, and what its fields make of what is typed. No
// money moves, and no number leaves the page.
export interface TestCard { number: string; token: string; name: 'ok' | 'factor' | 'declined' | 'lost' | 'flaky' }

export const testCards: readonly TestCard[] = [
  {number: '4242424242424242', token: 'pm_sandbox_ok', name: 'ok'},
  {number: '4000002760003184', token: 'pm_sandbox_second_factor', name: 'factor'},
  {number: '4000000000000002', token: 'pm_sandbox_declined', name: 'declined'},
  {number: '4000000000000119', token: 'pm_sandbox_timeout', name: 'lost'},
  {number: '4000000000000341', token: 'pm_sandbox_flaky', name: 'flaky'},
]

const digits = (s: string): string => s.replace(/\D/g, '')

/** "4242 4242 4242 4242". */
export const grouped = (s: string): string => digits(s).slice(0, 19).replace(/(\d{4})(?=\d)/g, '$1 ')

/** "09/28", while it is typed. */
export function expiry(s: string): string {
  const d = digits(s).slice(0, 4)
  return d.length > 2 ? `${d.slice(0, 2)}/${d.slice(2)}` : d
}

/** The check digit that every card number ends with. */
export function luhn(number: string): boolean {
  const d = digits(number)
  let sum = 0
  for (let i = 0; i < d.length; i++) {
    const n = Number(d[d.length - 1 - i]) * (i % 2 ? 2 : 1)
    sum += n > 9 ? n - 9 : n
  }
  return d.length >= 12 && sum % 10 === 0
}

export type Field = 'number' | 'expiry' | 'cvc'
export type Read = {token: string} | {wrong: Field; why: 'short' | 'mistyped' | 'unknown' | 'expired' | 'cvc' | 'date'}

/** What the fields hold, as a token or what is wrong. */
export function readCard(number: string, until: string, cvc: string, now: number): Read {
  const n = digits(number)
  if (n.length < 12) return {wrong: 'number', why: 'short'}
  if (!luhn(n)) return {wrong: 'number', why: 'mistyped'}
  const m = /^(\d\d)\/?(\d\d)$/.exec(until.trim())
  const month = Number(m?.[1]), year = 2000 + Number(m?.[2])
  if (!m || month < 1 || month > 12) return {wrong: 'expiry', why: 'date'}
  if (Date.UTC(year, month) <= now) return {wrong: 'expiry', why: 'expired'}
  if (!/^\d{3,4}$/.test(cvc.trim())) return {wrong: 'cvc', why: 'cvc'}
  const card = testCards.find(c => c.number === n)
  return card ? {token: card.token} : {wrong: 'number', why: 'unknown'}
}
