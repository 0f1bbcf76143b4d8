// What is searched for: kept for this tab, so that going back finds it again.
import type {Window} from '@shared/kerb/kerb.ts'
import {serverNow} from '@shared/app/clock.svelte.ts'
import {isObject, read, tab, write} from '@shared/app/stored.ts'
import {fresh, sellable} from './window.ts'

export interface Search extends Window {
  /** What was typed. */
  text: string
  /** A place to be near, "lat,lon"; empty: anywhere. */
  near: string
  /** What that place is called. */
  place: string
  /** How far on foot at most, in metres; 0: any. */
  radius: number
  /** What it may cost at most, "500 EUR"; empty: any price. */
  most: string
  type: string
  sort: 'relevance' | 'distance' | 'price' | 'available'
}

const isSearch = (v: unknown): v is Search => isObject(v) &&
  ['text', 'near', 'place', 'type', 'sort'].every(k => typeof v[k] === 'string') && ['from', 'to', 'radius'].every(k => typeof v[k] === 'number')

// A tab may have kept one from before there was a price in it.
const kept: Search = read<Search>(tab, 'openlot.search', {
  ...fresh(Date.now()), text: '', near: '', place: '', radius: 0, most: '', type: 'standard', sort: 'relevance',
}, isSearch)
export const search = $state<Search>({...kept, most: typeof kept.most === 'string' ? kept.most : ''})

export function setSearch(change: Partial<Search>): void {
  Object.assign(search, change)
  write(tab, 'openlot.search', search)
}

/** The chosen window as it can be sold now. */
export const chosen = (now = serverNow()): Window => sellable({from: search.from, to: search.to}, now)
