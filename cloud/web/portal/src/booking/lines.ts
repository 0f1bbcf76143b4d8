// The lines of a price in the reader's words. The API explains them in English;
// what it says follows the rule, so it can be said again.
import {clock, day, money, type Language, type Reading} from '@shared/format/format.ts'
import {onPass} from './at.ts'
import type {Money} from './rules.ts'

interface Line { rule: string; label: string; from: string; to: string; amount: {minor: number; currency: string} }
type Said = (m: RegExpMatchArray, l: Language, amount: (text: string) => string) => string

const both = (en: string, de: string) => ({en, de})
const rules: [RegExp, Said][] = [
  [/^(\d+) × (\d+) min at (.+)$/, (m, l, a) => {
    const long = m[2] === '60' ? `${m[1]} h` : `${m[1]} × ${m[2]} min`
    return `${long} ${both('at', 'zu')[l]} ${a(m[3] ?? '')}`
  }],
  [/^(\d+) min at (.+) per (\d+) min$/, (m, l, a) => both(`${m[1]} min at ${a(m[2] ?? '')} per ${m[3]} min`, `${m[1]} min zu ${a(m[2] ?? '')} je ${m[3]} min`)[l]],
  [/^Up to (\d+) min are free$/, (m, l) => both(`Up to ${m[1]} min are free`, `Bis ${m[1]} min frei`)[l]],
  [/^Left again within (\d+) min$/, (m, l) => both(`Left again within ${m[1]} min`, `Nach höchstens ${m[1]} min wieder hinaus`)[l]],
  [/^At most (.+) in (\d+) hours$/, (m, l, a) => both(`At most ${a(m[1] ?? '')} in ${m[2]} hours`, `Höchstens ${a(m[1] ?? '')} in ${m[2]} Stunden`)[l]],
  [/^At most (.+) a day(?:, (\d+) days)?$/, (m, l, a) => both(`At most ${a(m[1] ?? '')} a day`, `Höchstens ${a(m[1] ?? '')} am Tag`)[l]],
  [/^At most (.+) on \d{4}-\d\d-\d\d$/, (m, l, a) => both(`At most ${a(m[1] ?? '')} a day`, `Höchstens ${a(m[1] ?? '')} am Tag`)[l]],
  [/^At most (.+)$/, (m, l, a) => both(`At most ${a(m[1] ?? '')}`, `Höchstens ${a(m[1] ?? '')}`)[l]],
  [/^At least (.+)$/, (m, l, a) => both(`At least ${a(m[1] ?? '')}`, `Mindestens ${a(m[1] ?? '')}`)[l]],
  [/^Demand: (\S+ %) of the price$/, (m, l) => both(`Demand: ${m[1]} of the price`, `Nachfrage: ${m[1]} des Preises`)[l]],
  [/^(.+): (\S+ %) of the price$/, (m, l) => both(`${m[1]}: ${m[2]} of the price`, `${m[1]}: ${m[2]} des Preises`)[l]],
  [/^Charged before, /, (_, l) => both('Charged before', 'Schon berechnet')[l]],
]

/** "2.00 EUR", as the API writes an amount in a label. */
function amountIn(text: string): Money | null {
  const m = /^(-?\d+(?:\.\d+)?) ([A-Z]{3})$/.exec(text)
  return m ? {minor: Number((m[1] ?? '').replace('.', '')), currency: m[2] ?? ''} : null
}

/** A label in the reader's language; one that follows no rule we know stays as it is. */
export function label(text: string, language: Language): string {
  const at = text.indexOf(': ')
  const name = at > 0 && !/of the price$/.test(text) ? text.slice(0, at + 2) : ''
  const rest = text.slice(name.length)
  for (const [pattern, said] of rules) {
    const m = rest.match(pattern)
    if (m) return name + said(m, language, t => { const a = amountIn(t); return a ? money(a, language) : t })
  }
  return text
}

/** Lines for the part that shows them. */
export const explained = (lines: readonly Line[], zone: string, r: Reading) => lines.map(l => {
  const [from, to] = [Date.parse(l.from), Date.parse(l.to)]
  const note = day(from, zone, r) === day(to - 1, zone, r) ? `${clock(from, zone, r)} – ${clock(to, zone, r)}` : onPass(from, to, from, zone, r)
  return {label: label(l.label, r.language), note, amount: l.amount}
})
