import {expect, test} from 'vitest'
import {areChosen, chosenOf, labelOf, stepped, withRecent, worthAsking, type Chosen} from './places.ts'

const place = (name: string, near = '51,13'): Chosen => ({kind: 'street', name, context: 'Dresden', near, parking: ''})

test('a place is said with where it is, once', () => {
  expect(labelOf(place('Prager Straße'))).toBe('Prager Straße, Dresden')
  expect(labelOf({name: 'Dresden', context: 'Dresden'})).toBe('Dresden')
  expect(labelOf({name: 'Dresden', context: ''})).toBe('Dresden')
  expect(chosenOf({kind: 'town', name: 'Köln', latitude: 50.93812345, longitude: 6.95})).toEqual({kind: 'town', name: 'Köln', context: '', near: '50.9381,6.9500', parking: ''})
})

test('the last five are kept, each once', () => {
  let all: Chosen[] = []
  for (const n of ['a', 'b', 'c', 'b', 'd', 'e', 'f']) all = withRecent(all, place(n))
  expect(all.map(p => p.name)).toEqual(['f', 'e', 'd', 'b', 'c'])
  expect(areChosen(all)).toBe(true)
  expect(areChosen([...all, place('g')])).toBe(false)
  for (const bad of [null, {}, [1], [{...place('x'), kind: 'moon'}], [{...place('x'), near: 1}]]) expect(areChosen(bad)).toBe(false)
})

test('the arrows go round, by way of the text', () => {
  expect([-1, 0, 1].map(at => stepped('ArrowDown', at, 2))).toEqual([0, 1, -1])
  expect([-1, 0, 1].map(at => stepped('ArrowUp', at, 2))).toEqual([1, -1, 0])
  expect(stepped('ArrowDown', -1, 0)).toBe(-1)
})

test('one letter is not worth asking', () => {
  expect(['', ' ', 'a', 'a ', '-.'].map(worthAsking)).toEqual([false, false, false, false, false])
  expect(['ab', 'ü 1', '01'].map(worthAsking)).toEqual([true, true, true])
})
