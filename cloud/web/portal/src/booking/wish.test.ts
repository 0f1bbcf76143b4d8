// Keys, merging, calendars, labels, receipts.
import {describe, expect, test, vi} from 'vitest'
import {Failure} from '@shared/api/client.ts'
import type {Schemas} from '@shared/api/client.ts'
vi.mock('@shared/app/api.ts', () => ({Failure}))
import {at, onPass} from './at.ts'
import {calendar} from './ics.ts'
import {merge} from './list.ts'
import {Once, unclear} from '@shared/app/once.ts'
import {adjusted, moved, parts, percent, reason} from './receipt.ts'
import {tell} from './tell.ts'
import {all} from './words.ts'
import {all as more} from './receipt.words.ts'
import {all as checkout} from '../checkout/words.ts'

type Reservation = Schemas['Reservation']
const failure = (code: string, status: number) => new Failure(code as Failure['code'], {type: '', title: '', status, detail: '', code: code as Schemas['ProblemCode']})

describe('one key for one wish', () => {
  const keys = () => { let n = 0; return new Once(() => `key-${++n}`) }
  test('the same wish again has the same key until it is settled', () => {
    const o = keys()
    expect([o.key({to: 1}), o.key({to: 1})]).toEqual(['key-1', 'key-1'])
    o.ended(failure('offline', 0)); expect(o.key({to: 1})).toBe('key-1')
    o.ended(failure('request_in_progress', 409)); expect(o.key({to: 1})).toBe('key-1')
    o.ended(failure('stopping', 503)); expect(o.key({to: 1})).toBe('key-1')
    o.ended(new TypeError('cut off')); expect(o.key({to: 1})).toBe('key-1')
    o.ended(failure('payment_declined', 402)); expect(o.key({to: 1})).toBe('key-2')
    o.ended(); expect(o.key({to: 1})).toBe('key-3')
  })
  test('a wish that is sent again names the version that it was first sent for', () => {
    const o = keys()
    expect(o.wish({to: 1}, 7)).toEqual({key: 'key-1', version: 7})
    o.ended(failure('offline', 0)); expect(o.wish({to: 1}, 8)).toEqual({key: 'key-1', version: 7}) // it may have been what made 8
    expect(o.wish({to: 2}, 8)).toEqual({key: 'key-2', version: 8})
    o.ended(failure('version_conflict', 409)); expect(o.wish({to: 2}, 9)).toEqual({key: 'key-3', version: 9})
  })
  test('another wish has another key', () => { const o = keys(); o.key({to: 1}); expect(o.key({to: 2})).toBe('key-2') })
  test('a broken answer is unclear', () => { expect(unclear(new Failure('internal'))).toBe(true); expect(unclear(failure('sold_out', 409))).toBe(false) })
})

test('what did not work: first what is safe', () => {
  const said = (act: string, f: Failure) => tell(act, f, all.en, 'en')
  expect(said('extend', failure('sold_out', 409))).toMatchObject({kind: 'wrong', heading: 'Your booking stands as it was', code: 'sold_out'})
  expect(said('pay', failure('payment_declined', 402)).heading).toBe('Nothing was taken')
  expect(said('cancel', new Failure('offline'))).toEqual({kind: 'off', heading: 'Nobody answered', body: all.en.nobodyText, code: ''})
  expect(said('modify', failure('request_in_progress', 409)).kind).toBe('info')
  expect(said('confirm', failure('internal', 500)).heading).not.toBe(all.en.bankNo)
})

const of = (id: string, state: Reservation['state'], from: string, version = 1) => ({id, state, from, to: from, version} as Reservation)
test('this device and the account make one list', () => {
  const list = merge(
    [{id: 'a', token: 't', reservation: of('a', 'confirmed', '2026-06-12T08:00:00Z', 3)}, {id: 'b', token: 'u', reservation: of('b', 'completed', '2026-06-01T08:00:00Z')}, {id: 'n', token: 'v'}],
    [of('a', 'cancelled', '2026-06-12T08:00:00Z', 2), of('c', 'active', '2026-06-11T08:00:00Z'), of('d', 'completed', '2026-06-02T08:00:00Z'), of('e', 'confirmed', '2026-06-11T09:00:00Z')])
  expect(list.map(e => e.id)).toEqual(['c', 'e', 'a', 'd', 'b', 'n'])
  expect(list[2]).toMatchObject({token: 't', device: true, account: true, reservation: {version: 3, state: 'confirmed'}})
  expect(list[0]).toMatchObject({token: '', device: false, account: true})
  expect(merge([{id: 'k', token: '', account: 'acc_1'}], [])[0]?.account).toBe(true) // of a page of the account that has not been asked for
  expect(merge([{id: 'a', token: 't', reservation: of('a', 'confirmed', '2026-06-12T08:00:00Z')}], [of('a', 'cancelled', '2026-06-12T08:00:00Z', 2)])[0]?.reservation?.state).toBe('cancelled')
})

test('a calendar entry is as RFC 5545 has it', () => {
  const text = calendar({id: 'rsv_1', from: Date.UTC(2026, 5, 11, 6), to: Date.UTC(2026, 5, 11, 15), title: 'Parking; at, Altmarkt', where: 'Ä'.repeat(60), text: 'one\ntwo', geo: {latitude: 51.05, longitude: 13.73}, sequence: 4}, Date.UTC(2026, 5, 1))
  expect(text).toContain('DTSTART:20260611T060000Z\r\nDTEND:20260611T150000Z\r\nSUMMARY:Parking\\; at\\, Altmarkt\r\n')
  expect(text).toContain('DESCRIPTION:one\\ntwo\r\nGEO:51.05;13.73\r\n')
  for (const line of text.split('\r\n')) expect(new TextEncoder().encode(line).length).toBeLessThanOrEqual(75)
  expect(text.replaceAll('\r\n ', '')).toContain(`LOCATION:${'Ä'.repeat(60)}`)
  expect(text.endsWith('END:VCALENDAR\r\n')).toBe(true)
})

test('a receipt is a sum again', () => {
  const eur = (minor: number) => ({minor, currency: 'EUR'})
  const part = (total: number) => ({tariff_version: 1, space_type: 'standard', from: '', to: '', total: eur(total), tax: eur(0), lines: []})
  const receipt = (basis: string, all: number[], due: number, percent = 100) => ({bill: {basis, parts: all.map(part), percent, grace_seconds: 0, due: eur(due), tax: eur(0)}, sums: {held: eur(1500), captured: eur(due), released: eur(0)}} as unknown as Schemas['Receipt'])
  expect(adjusted(receipt('quoted', [1500], 1500))).toBeNull()
  expect(parts(receipt('shortened', [1500, 830], 830))).toHaveLength(1)
  expect(adjusted(receipt('shortened', [1500, 830], 830))).toBeNull()
  expect(adjusted(receipt('shortened', [1500, 400], 750))).toEqual({kind: 'least', amount: eur(350)})
  expect(adjusted(receipt('missed', [1500], 750, 50))).toEqual({kind: 'share', amount: eur(-750)})
  expect(moved(receipt('quoted', [1500], 1500)).map(m => m.name)).toEqual(['held', 'captured'])
  expect(percent(1900, 'en')).toBe('19 %'); expect(percent(775, 'de')).toBe('7,75 %')
})

test('every text has its values in both languages', () => {
  const holes = (s: unknown) => [...String(s).matchAll(/\{\w+\}/g)].map(m => m[0]).sort().join()
  for (const [en, de] of [[all.en, all.de], [more.en, more.de], [checkout.en, checkout.de]] as [Record<string, unknown>, Record<string, unknown>][]) {
    for (const k of Object.keys(en)) {
      if (typeof en[k] === 'string') expect(holes(de[k]), k).toBe(holes(en[k]))
      expect(String(de[k]), k).not.toMatch(/\b(du|dein|deine)\b/i)
    }
  }
})

test('times are as short as they are still clear', () => {
  const t = (s: string) => Date.parse(`2026-06-${s}+02:00`), zone = 'Europe/Berlin', en = {language: 'en' as const}
  expect(at(t('11T17:00'), t('11T08:00'), zone, en)).toBe('17:00')
  expect(at(t('12T01:00'), t('11T08:00'), zone, en)).toBe('Fri 01:00')
  expect(at(t('20T01:00'), t('11T08:00'), zone, en)).toBe('Sat 20 June, 01:00')
  expect(onPass(t('11T08:00'), t('11T17:00'), t('10T12:00'), zone, en)).toBe('Thu 08:00 – 17:00')
  expect(onPass(t('11T18:30'), t('12T03:30'), t('11T12:00'), zone, {language: 'de'})).toBe('Do 18:30 – Fr 03:30')
  expect(onPass(t('25T08:00'), t('25T17:00'), t('11T12:00'), zone, en)).toBe('Thu 25 June, 08:00 – 17:00')
})

test('who gave it up too late is not told that nobody came', () => {
  const why = (state: string) => reason({bill: {basis: 'missed'}, reservation: {state}} as Schemas['Receipt'])
  expect([why('no_show'), why('cancelled')]).toEqual(['missed', 'given_up'])
  for (const w of [more.en, more.de]) expect(w.why[why('cancelled')]).toContain('{percent}')
})
