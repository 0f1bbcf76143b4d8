import {readFileSync} from 'node:fs'
import {expect, it} from 'vitest'

const css = readFileSync('shared/css/tokens.css', 'utf8')
const block = (after: string) => {
  const at = css.indexOf(after)
  expect(at, after).toBeGreaterThan(0)
  return css.slice(css.indexOf('{', at + after.length - 1) + 1, css.indexOf('}', at)).trim()
}

it('dark by the system is dark by choice', () => {
  expect(block(':root:where(:not([data-theme])){')).toBe(block('[data-theme=dark]{'))
})
it('each theme sets the same colours', () => {
  const names = (s: string) => new Set([...s.matchAll(/--([\w-]+):oklch/g)].map(m => m[1] ?? ''))
  const light = names(block(':root{'))
  for (const name of names(block('[data-theme=dark]{'))) expect(light).toContain(name)
})
