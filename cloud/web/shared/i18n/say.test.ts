import {readFileSync} from 'node:fs'
import {describe, expect, it} from 'vitest'
import {german} from './codes.de.ts'
import {english} from './codes.en.ts'
import {say} from './say.ts'

// The codes are read where they are defined, so that a new one without words fails here.
const reasons = [...readFileSync('../../protocol/wire/reason.go', 'utf8').matchAll(/= "((?:ADMIT|REFUSE)_\w+)"/g)].map(m => m[1] ?? '')
const openapi = readFileSync('../api/openapi.yaml', 'utf8')
const problems = [...openapi.slice(openapi.indexOf('    ProblemCode:')).matchAll(/^ {8}- (\w+)/gm)].map(m => m[1] ?? '')

it('finds the lists of codes', () => {
  expect(reasons.length).toBeGreaterThan(20)
  expect(problems.length).toBeGreaterThan(50)
})

describe.each([['en', english], ['de', german]] as const)('%s', (language, words) => {
  it.each([...reasons, ...problems, 'offline'])('has words for %s', code => {
    expect(words[code]).toBeDefined()
    const said = say(code, language)
    expect(said.what).not.toBe('')
    for (const text of [said.what, ...said.rest]) {
      expect(text).toMatch(/[.]$/)
      expect(text).not.toMatch(/[{}]/)
      expect(text).not.toMatch(/invalid|try again later|oops|ungültig|\bdu\b|\bdein/i)
    }
    expect(said.rest.length).toBeLessThanOrEqual(2)
  })
  it('has no words for codes that do not exist', () => {
    expect(Object.keys(words).filter(c => c !== 'offline' && !reasons.includes(c) && !problems.includes(c))).toEqual([])
  })
})

it('names the place, the time, the amount when they are known', () => {
  const said = say('REFUSE_FULL', 'de', {other: 'Altmarkt-Galerie', free: '158', walk: '3 Minuten'})
  expect([said.what, ...said.rest].join(' ')).toBe('Für Kurzparker ist gerade nichts frei. Altmarkt-Galerie hat 158, 3 Minuten weiter. Reservierte kommen hinein.')
  expect(say('REFUSE_TOO_EARLY', 'en', {from: '08:00', earliest: '07:45'}).what).toBe('Your time starts at 08:00, and all is taken until then.')
  expect(say('REFUSE_TOO_EARLY', 'en').what).toBe('Your time has not started.')
})
it('a code it does not know is something that broke, with its code', () => {
  expect(say('brand_new', 'en')).toMatchObject({what: 'Something broke on our side.', code: 'brand_new'})
})
