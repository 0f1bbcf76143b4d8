// @vitest-environment happy-dom
import {flushSync, mount} from 'svelte'
import {expect, test} from 'vitest'
import {setPrefs} from '@shared/app/prefs.svelte.ts'
import {changing} from '../booking/changing.svelte.ts'
import type {Detail} from './detail.ts'
import Hero from './Hero.svelte'

test('another kind of space, or another time, is another number: it is told at once, not when the old one may change', () => {
  setPrefs({language: 'en'})
  const parking = {id: 'a', name: 'Altmarkt', kind: 'underground', capacity: 80, timezone: 'Europe/Berlin', as_of: '2026-06-11T05:00:00Z'} as unknown as Detail
  const kind = (type: string, available: number) => ({type, capacity: 40, available, available_now: available + 1}) as unknown as Detail['space_types'][number]
  const props = changing({parking, space: kind('standard', 31), live: true, current: true, of: 'one'} as never) as {space: unknown; of: string}
  mount(Hero, {target: document.body, props: props as never})
  flushSync()
  const told = () => [...document.querySelectorAll('.two [role=status]')].map(e => e.textContent?.trim().split(' ')[0])
  expect(told()).toEqual(['31', '32'])
  props.space = kind('ev', 4)
  flushSync()
  expect(told()).toEqual(['4', '5'])
  props.space = kind('ev', 2)
  props.of = 'another time'
  flushSync()
  expect(told()[0]).toBe('2')
})
