import {describe, expect, it} from 'vitest'
import {added, days, end, endShown, fresh, hoursText, wrongDay, wrongs} from './hours.ts'

describe('opening hours', () => {
  it('begin with something that can be saved', () => {
    expect(wrongs(fresh())).toEqual({})
  })
  it('say what cannot be, and where', () => {
    const h = fresh()
    h.week.tue = [{from: '18:00', to: '02:00'}]
    h.week.wed = [{from: '08:00', to: '12:00'}, {from: '11:00', to: '13:00'}]
    h.week.thu = [{from: '08:10', to: '12:00'}]
    h.week.fri = [{from: '', to: '12:00'}]
    h.exceptions = [{date: '2026-12-24', hours: []}, {date: '2026-12-24', hours: []}, {date: '', hours: []}]
    expect(wrongs(h)).toEqual({'week.tue': 'night', 'week.wed': 'order', 'week.thu': 'quarter', 'week.fri': 'missing', 'exceptions[1]': 'twice', 'exceptions[2]': 'date'})
  })
  it('end at midnight as 24:00, and are closed without any', () => {
    expect([end('00:00'), endShown('24:00'), end('22:00')]).toEqual(['24:00', '00:00', '22:00'])
    expect(wrongDay([{from: '00:00', to: '24:00'}])).toBe('')
    expect(wrongDay([])).toBe('')
  })
  it('get another stretch that fits, until the day is over', () => {
    let spans = added([])
    for (let i = 0; i < 2; i++) { spans = added(spans); if (i === 0) expect(wrongDay(spans)).toBe('') }
    expect(added([{from: '08:00', to: '12:00'}])).toEqual([{from: '08:00', to: '12:00'}, {from: '13:00', to: '17:00'}])
  })
  it('are a line in the history', () => {
    const h = fresh()
    h.week.sun = []
    h.exceptions = [{date: '2026-12-24', hours: [{from: '08:00', to: '12:00'}], note: 'Christmas Eve'}]
    expect(hoursText(h, i => days[i] ?? '', 'closed')).toBe('mon–sat 06:00–22:00; sun closed; 2026-12-24 08:00–12:00 (Christmas Eve)')
  })
})
