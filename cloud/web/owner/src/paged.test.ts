import {describe, expect, it} from 'vitest'
import {Failure} from '@shared/api/client.ts'
import {Paged} from './paged.svelte.ts'

describe('a list in pages', () => {
  it('grows, and starts anew with another question', async () => {
    const p = new Paged<number>()
    await p.ask(async c => (c ? {rows: [3]} : {rows: [1, 2], next: 'x'}))
    expect(p.rows).toEqual([1, 2])
    await p.more()
    expect(p.rows).toEqual([1, 2, 3])
    expect(p.next).toBeUndefined()
    await p.more()
    expect(p.rows).toEqual([1, 2, 3])
    await p.ask(async () => ({rows: [9]}))
    expect(p.rows).toEqual([9])
  })
  it('never shows the answer to an earlier question', async () => {
    const p = new Paged<string>()
    let late: (v: {rows: string[]}) => void = () => {}
    const first = p.ask(() => new Promise(ok => { late = ok }))
    await p.ask(async () => ({rows: ['new']}))
    late({rows: ['old']})
    await first
    expect(p.rows).toEqual(['new'])
    expect(p.busy).toBe(false)
  })
  it('keeps what it has when more cannot be had', async () => {
    const p = new Paged<number>()
    await p.ask(async c => { if (c) throw new Failure('offline'); return {rows: [1], next: 'x'} })
    await p.more()
    expect(p.rows).toEqual([1])
    expect(p.failure?.code).toBe('offline')
    expect(p.next).toBe('x')
  })
})
