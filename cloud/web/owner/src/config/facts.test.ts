import {expect, test} from 'vitest'
import {factsOf, formOf, positionOf, wrongs, type Facts} from './facts.ts'

const told: Facts = {max_height_cm: 200, entrance: {address: 'Am Tor 1', latitude: 51.0504, longitude: 13.7373}, on_foot: {de: 'Treppe', en: 'Stairs'}, features: ['lit', 'lift'], staffed: {de: 'Mo–Sa 8–20 Uhr'}, phone: '+49 351 4567890'}

test('what is told comes back as it was; nothing is told by an empty form', () => {
  expect(factsOf(formOf(told))).toEqual(told)
  expect(factsOf(formOf(null))).toBeNull()
  expect(factsOf({...formOf(null), address: '  ', staffed: {de: ' ', en: ''}})).toBeNull()
  expect(factsOf({...formOf(told), has: ['lift', 'lit']})).toEqual(told)
})

test('what cannot be told is named', () => {
  expect([...wrongs(formOf(told))]).toEqual([])
  expect([...wrongs({...formOf(null), height: '2 m', width: '99', position: '51.05', phone: '0351 4567890'})]).toEqual(['height', 'width', 'position', 'phone'])
  expect(positionOf('51.05040, 13.73730')).toEqual({latitude: 51.0504, longitude: 13.7373})
  expect(positionOf('91, 0')).toBeNull()
})
