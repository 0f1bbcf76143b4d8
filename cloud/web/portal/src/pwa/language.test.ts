// @vitest-environment happy-dom
import {readFileSync} from 'node:fs'
import {expect, test} from 'vitest'
import {abouts, manifests, tell} from './language.ts'

const page = readFileSync('portal/index.html', 'utf8')
type Manifest = Record<string, unknown> & {shortcuts: Record<string, unknown>[]}
const manifest = (l: 'en' | 'de') => JSON.parse(readFileSync(`portal/pwa/${manifests[l].split('/').pop() ?? ''}`, 'utf8')) as Manifest

test('both manifests are of one app, each with words of its own', () => {
  const {en, de} = {en: manifest('en'), de: manifest('de')}
  expect([en.lang, de.lang]).toEqual(['en', 'de'])
  const words = ['lang', 'name', 'description', 'shortcuts']
  for (const key of new Set([...Object.keys(en), ...Object.keys(de)])) {
    if (words.includes(key)) expect(de[key], key).not.toEqual(en[key])
    else expect(de[key], key).toEqual(en[key])
  }
  const bare = (m: Manifest) => m.shortcuts.map(({name: _, ...rest}) => rest)
  expect(bare(de)).toEqual(bare(en))
})
test('the page begins in English and is told its language', () => {
  expect(page).toContain(`href="${manifests.en}"`)
  expect(page).toContain(`content="${abouts.en}"`)
  document.head.innerHTML = `<meta name="description" content="${abouts.en}"><link rel="manifest" href="${manifests.en}">`
  tell('de')
  const told = () => [document.documentElement.lang, document.querySelector('link')?.getAttribute('href'), document.querySelector('meta')?.getAttribute('content')]
  expect(told()).toEqual(['de', manifests.de, abouts.de])
  tell('en')
  expect(told()).toEqual(['en', manifests.en, abouts.en])
})
