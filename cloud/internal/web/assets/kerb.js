// The kerb: time as a painted edge with quarter-hour ticks, a stay parked on it.

import {h} from './dom.js'
import {QUARTER, HOUR, DAY, clock, shortDay, length, quarter, toInput, fromInput} from './time.js'

const RANGE = 14 * HOUR

function frame(from, to, zone) {
  const width = Math.max(RANGE, Math.ceil((to - from) * 1.4 / HOUR) * HOUR)
  const begin = Math.floor((from - Math.min(2 * HOUR, (width - (to - from)) / 2)) / HOUR) * HOUR
  const step = [1, 2, 3, 6, 12, 24, 48, 96, 192].find(n => width / (n * HOUR) <= 8) * HOUR
  const labels = []
  for (let t = Math.ceil(begin / step) * step; t <= begin + width; t += step) {
    labels.push({x: (t - begin) / width * 100, text: step >= DAY / 2 ? `${shortDay(t, zone)} ${clock(t, zone)}` : clock(t, zone)})
  }
  return {begin, width, labels: labels.filter(l => l.x >= 2 && l.x <= 98)}
}

function bed(f, now) {
  const x = (now - f.begin) / f.width * 100
  const quarters = f.width / QUARTER
  return h('div', {class: 'bed'},
    h('i', {class: 'q', style: {'--n': quarters > 120 ? quarters / 4 : quarters}}),
    x > 0 && x < 100 && h('i', {class: 'now', title: 'now', style: {'--x': x}}))
}

const labels = f => h('div', {class: 'lab', 'aria-hidden': 'true'}, f.labels.map(l => h('span', {style: {'--x': l.x}}, l.text)))

/** A stay as it is: what has passed is solid, what is to come hatched while it runs. */
export function kerbOf(from, to, zone, {running = false, kind = ''} = {}) {
  const f = frame(from, to, zone)
  const now = Date.now()
  const at = t => (t - f.begin) / f.width * 100
  const b = bed(f, now)
  const block = (a, z, cls, text) => h('div', {class: 'blk ' + cls, style: {'--a': at(a), '--b': at(z)}}, text)
  if (running && now > from && now < to) b.append(block(from, now, '', length(now - from)), block(now, to, 'was', ''))
  else b.append(block(from, to, kind, length(to - from)))
  return h('div', {class: 'kerb free-over', role: 'img', 'aria-label': `${clock(from, zone)} to ${clock(to, zone)}, ${length(to - from)}`}, b, labels(f))
}

/**
 * The chooser of a window: two grips on the kerb (arrow keys move a quarter,
 * page keys an hour) and exact times below. changed(from, to) is called when a
 * choice is made; get() returns {from, to, zone}.
 */
export function chooser(get, changed, {maxStay = 30 * DAY} = {}) {
  const root = h('div', {class: 'chooser'})
  let f

  const least = () => Math.ceil(Date.now() / QUARTER) * QUARTER - QUARTER
  const set = (which, t) => {
    let {from, to} = get()
    t = quarter(t)
    if (which === 'from') {
      from = Math.max(t, least())
      if (from > to - QUARTER) to = from + QUARTER
    } else {
      to = Math.max(t, least() + QUARTER)
      if (to < from + QUARTER) from = Math.max(to - QUARTER, least())
    }
    if (to - from > maxStay) which === 'from' ? to = from + maxStay : from = to - maxStay
    changed(from, to)
  }

  const grip = (which, block) => {
    const {from, to, zone} = get()
    const t = which === 'from' ? from : to
    const e = h('button', {
      class: 'grip ' + which, type: 'button', role: 'slider', 'data-grip': which,
      'aria-label': which === 'from' ? 'You come' : 'You leave', 'aria-valuetext': `${shortDay(t, zone)} ${clock(t, zone)}`,
      'aria-valuemin': Math.round(f.begin / QUARTER), 'aria-valuemax': Math.round((f.begin + f.width) / QUARTER), 'aria-valuenow': Math.round(t / QUARTER),
      onkeydown: ev => {
        const by = {ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 4, PageDown: -4}[ev.key]
        if (!by) return
        ev.preventDefault()
        set(which, (which === 'from' ? get().from : get().to) + by * QUARTER)
        draw()
        root.querySelector(`[data-grip=${which}]`).focus()
      },
      onpointerdown: ev => {
        ev.preventDefault()
        const bedBox = block.parentElement.getBoundingClientRect()
        const fixed = f // the scale stands still under a finger
        const move = m => {
          set(which, fixed.begin + (m.clientX - bedBox.left) / bedBox.width * fixed.width)
          place(fixed)
        }
        const done = () => {
          removeEventListener('pointermove', move)
          removeEventListener('pointerup', done)
          removeEventListener('pointercancel', done)
          draw()
        }
        addEventListener('pointermove', move)
        addEventListener('pointerup', done)
        addEventListener('pointercancel', done)
      },
    })
    return e
  }

  let block, exact
  const place = scale => {
    const {from, to} = get()
    block.style.setProperty('--a', (from - scale.begin) / scale.width * 100)
    block.style.setProperty('--b', (to - scale.begin) / scale.width * 100)
    block.firstChild.textContent = length(to - from)
  }

  function draw() {
    const {from, to, zone} = get()
    const open = exact?.open
    f = frame(from, to, zone)
    const b = bed(f, Date.now())
    block = h('div', {class: 'blk'}, h('span', {}, length(to - from)))
    b.append(block)
    block.append(grip('from', block), grip('to', block))
    place(f)
    const input = (which, label, t) => h('label', {class: 'field'}, h('span', {}, label), h('input', {
      type: 'datetime-local', step: 900, value: toInput(t, zone), min: toInput(least(), zone),
      onchange: ev => {
        const v = fromInput(ev.target.value, zone)
        if (!Number.isNaN(v)) set(which, v)
        draw()
      },
    }))
    exact = h('details', {class: 'exact'}, h('summary', {}, 'Set day and time'),
      h('div', {class: 'pair'}, input('from', 'You come', from), input('to', 'You leave', to)))
    exact.open = Boolean(open)
    root.replaceChildren(h('div', {class: 'kerb free-over'}, b, labels(f)), exact)
  }
  draw()
  root.redraw = draw
  return root
}
