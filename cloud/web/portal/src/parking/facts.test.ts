import {expect, test} from 'vitest'
import {inWords, metres} from './facts.ts'

test('heights are as on signs', () => {
  expect(metres(200, 'en')).toBe('2.00 m')
  expect(metres(195, 'de')).toBe('1,95 m')
})

test('a text that is not there in the reader’s language is read in its own', () => {
  expect(inWords({de: 'Treppe', en: 'Stairs'}, 'en')).toEqual({text: 'Stairs'})
  expect(inWords({de: 'Treppe'}, 'en')).toEqual({text: 'Treppe', lang: 'de'})
  expect(inWords(undefined, 'en')).toBeNull()
})
