import {expect, test} from 'vitest'
import {parse, to} from './route.ts'

test('every address that the app makes is read as what it is', () => {
  expect(parse('')).toEqual({name: 'find'})
  expect(parse(to.find)).toEqual({name: 'find'})
  expect(parse(to.around('51.0503,13.7375', 'Prager Straße, Dresden & more'))).toEqual({name: 'find', near: '51.0503,13.7375', place: 'Prager Straße, Dresden & more'})
  expect(parse(to.around('-1.5,-70', ''))).toEqual({name: 'find', near: '-1.5,-70', place: ''})
  for (const near of ['', '51', '91,0', '0,181', 'x,y', '1,2,3', '1e1,2', '51.05, 13.7']) expect(parse(`#/?near=${near}&place=x`)).toEqual({name: 'find'})
  expect(parse(to.parking('a/b ü'))).toEqual({name: 'parking', id: 'a/b ü'})
  expect(parse(to.checkout('alt', 'ev'))).toEqual({name: 'checkout', id: 'alt', type: 'ev'})
  expect(parse(to.booking('rsv_1'))).toEqual({name: 'booking', id: 'rsv_1', token: ''})
  expect(parse(to.receipt('rsv_1'))).toEqual({name: 'receipt', id: 'rsv_1'})
  expect(parse(to.login(to.bookings))).toEqual({name: 'login', then: '#/bookings'})
  for (const name of ['bookings', 'signup', 'forgot', 'account', 'settings'] as const) expect(parse(to[name])).toEqual({name})
})

test('the links in mails are read', () => {
  expect(parse('#/r/rsv_1?token=mt_a%2Bb')).toEqual({name: 'booking', id: 'rsv_1', token: 'mt_a+b'})
  expect(parse('#/verify?token=abc')).toEqual({name: 'verify', token: 'abc'})
  expect(parse('#/reset?token=abc')).toEqual({name: 'reset', token: 'abc'})
})

test('what cannot be read is unknown, and no page of another kind', () => {
  for (const hash of ['#/p', '#/r', '#/p/a/b', '#/p/a/reserve/more', '#/nothing', '#/account/x', '#/%E0%A4%A']) expect(parse(hash)).toEqual({name: 'unknown'})
})
