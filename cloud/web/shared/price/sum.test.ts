import {expect, it} from 'vitest'
import {check} from './sum.ts'

const eur = (minor: number) => ({amount: {minor, currency: 'EUR'}})

it('adds up with a maximum as a negative line', () => {
  expect(check([eur(250), eur(1600), eur(-450), eur(100)], {minor: 1500, currency: 'EUR'})).toEqual({total: 1500, right: true, difference: 0})
})
it('says by how much it does not', () => {
  expect(check([eur(250)], {minor: 300, currency: 'EUR'})).toEqual({total: 250, right: false, difference: 50})
})
it('never takes another currency or a part of a cent for right', () => {
  expect(check([{amount: {minor: 300, currency: 'CHF'}}], {minor: 300, currency: 'EUR'}).right).toBe(false)
  expect(check([eur(0.5), eur(0.5)], {minor: 1, currency: 'EUR'}).right).toBe(false)
})
it('nothing costs nothing', () => expect(check([], {minor: 0, currency: 'EUR'}).right).toBe(true))
