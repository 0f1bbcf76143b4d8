// Find: what is free for the chosen time, and right now, live.

import {h, icon, availability, level, note, ghosts, say} from './dom.js'
import {call, listen, query, iso} from './api.js'
import {span, length, money, clock, clockSeconds, ownZone} from './time.js'
import {chooser} from './kerb.js'
import * as state from './state.js'

const PAGE = 50
const MOST = 200

export const kinds = {multi_storey: 'multi-storey', underground: 'underground', surface: 'open air'}
export const typeNames = {standard: 'Standard', ev: 'Charging', accessible: 'Accessible', motorcycle: 'Motorcycle', oversize: 'Oversize'}
export const typeName = t => typeNames[t] || t.replaceAll('-', ' ').replace(/^./, c => c.toUpperCase())

let cities = null // filled once

export function find() {
  const s = state.search
  let stop = () => {}
  let limit = PAGE
  let rows = new Map()
  let waiting

  const input = h('input', {
    type: 'search', id: 'q', placeholder: 'Name, street or city', value: s.text, autocomplete: 'off', maxlength: 60, enterkeyhint: 'search',
    oninput: e => { s.text = e.target.value; later(250) },
  })
  const near = h('button', {
    type: 'button', class: 'sq', 'aria-pressed': String(Boolean(s.near)), 'aria-label': 'Nearest to me first', title: 'Nearest to me first',
    onclick: locate,
  }, icon('near'))
  const city = h('select', {'aria-label': 'City', onchange: e => { s.city = e.target.value; later(0) }}, h('option', {value: ''}, 'All cities'))
  const types = h('div', {class: 'filters', role: 'group', 'aria-label': 'Space type'},
    Object.entries(typeNames).slice(0, 3).map(([id, name]) => h('button', {
      type: 'button', class: 'chip', 'data-type': id, 'aria-pressed': String(s.type === id),
      onclick: e => {
        s.type = id
        for (const b of types.children) b.setAttribute('aria-pressed', String(b === e.currentTarget))
        later(0)
      },
    }, name)))
  const heading = h('h2', {class: 'fig', id: 'when'})
  const zoneNote = h('p', {class: 'tiny quiet'})
  const kerb = chooser(() => ({...state.window(), zone: state.zoneNow()}), (from, to) => {
    state.choose(from, to)
    tellWindow()
    later(400)
  })
  const live = h('p', {class: 'live', hidden: true})
  const trouble = h('div', {class: 'trouble'})
  const list = h('div', {class: 'list'})
  const more = h('div', {class: 'pad'})

  const body = h('section', {class: 'find'},
    h('h1', {class: 'sr'}, 'Find a parking'),
    h('div', {class: 'side'},
      h('form', {class: 'search', role: 'search', onsubmit: e => { e.preventDefault(); later(0); input.blur() }},
        icon('search'), h('label', {class: 'sr', for: 'q'}, 'Search'), input, near),
      h('div', {class: 'when', 'aria-labelledby': 'when', role: 'group'}, heading, kerb, zoneNote),
      h('div', {class: 'bar'}, city, types)),
    h('div', {class: 'results'}, h('div', {class: 'list-head'}, live), trouble, list, more))

  function tellWindow() {
    const {from, to} = state.window()
    heading.textContent = span(from, to, state.zoneNow())
    zoneNote.textContent = state.zoneNow() === ownZone ? '' : 'Local time of the parkings shown.'
  }

  function later(ms) {
    clearTimeout(waiting)
    waiting = setTimeout(() => { state.saveSearch(); limit = PAGE; connect() }, ms)
  }

  function locate() {
    if (s.near) {
      s.near = null
      near.setAttribute('aria-pressed', 'false')
      return later(0)
    }
    const cannot = () => trouble.replaceChildren(note('', 'near', 'Your place is not known', 'The browser did not give it. Search for a street or city instead.'))
    if (!navigator.geolocation) return cannot()
    navigator.geolocation.getCurrentPosition(p => {
      s.near = [p.coords.latitude.toFixed(4), p.coords.longitude.toFixed(4)].join(',')
      near.setAttribute('aria-pressed', 'true')
      later(0)
    }, cannot, {maximumAge: 60_000, timeout: 8000})
  }

  function connect() {
    stop()
    const waitingList = ghosts(6, 'Still asking for the numbers. The connection may be slow.')
    if (!rows.size) list.replaceChildren(waitingList)
    const path = () => {
      const {from, to} = state.window()
      tellWindow()
      return '/parkings?' + query({
        q: [s.text, s.city].join(' ').trim(), near: s.near, from: iso(from), to: iso(to), space_type: s.type, limit,
      })
    }
    const end = listen(path, {
      up: () => { trouble.replaceChildren(); body.classList.remove('stale') },
      down: since => {
        waitingList.stop()
        body.classList.add('stale')
        live.classList.add('stale')
        if (!rows.size) list.replaceChildren()
        trouble.replaceChildren(note('off', 'off', `No connection since ${clock(since, ownZone)}`,
          rows.size ? 'The numbers below are from then. They go on by themselves when you are back.' : 'The list appears by itself when you are back. Passes you have are under My bookings.'))
      },
      snapshot: page => { waitingList.stop(); fill(page) },
      availability: changed => {
        for (const c of changed) rows.get(c.id)?.update(c)
        asOf(changed)
      },
    })
    stop = () => { end(); waitingList.stop() }
  }

  function asOf(parkings) {
    const newest = Math.max(...parkings.filter(p => p.status !== 'unknown').map(p => Date.parse(p.as_of)))
    if (!Number.isFinite(newest)) return
    live.hidden = false
    live.classList.remove('stale')
    live.textContent = `Live, as of ${clockSeconds(newest, state.zoneNow())}`
  }

  function fill(page) {
    rows = new Map(page.parkings.map(p => [p.id, row(p)]))
    if (page.parkings.length) {
      const before = state.zoneNow()
      state.lookAt(page.parkings[0].timezone)
      tellWindow()
      if (state.zoneNow() !== before) kerb.redraw() // its hours are those of the parkings, too
      list.replaceChildren(h('ul', {}, [...rows.values()].map(r => h('li', {}, r.element))))
      asOf(page.parkings)
      say(`${page.parkings.length} parkings`)
    } else list.replaceChildren(nothing())
    more.replaceChildren()
    if (page.next_cursor && limit < MOST) {
      more.append(h('button', {type: 'button', class: 'btn ghost wide', onclick: () => { limit = MOST; connect() }}, 'Show more'))
    } else if (page.next_cursor) {
      more.append(h('p', {class: 'muted small'}, `These are the first ${MOST}. Search for a street or choose a city to see the others.`))
    }
  }

  function nothing() {
    const asked = [s.text, s.city].filter(Boolean).join(', ')
    const reset = h('button', {type: 'button', class: 'btn ghost', onclick: () => {
      s.text = s.city = input.value = city.value = ''
      s.type = 'standard'
      s.near = null
      near.setAttribute('aria-pressed', 'false')
      for (const b of types.children) b.setAttribute('aria-pressed', String(b.dataset.type === s.type))
      later(0)
    }}, 'Show all parkings')
    if (asked || s.type !== 'standard') {
      return h('div', {class: 'pad stack'}, h('h2', {}, asked ? `Nothing matches “${asked}”` : `No parking here has ${typeName(s.type).toLowerCase()} spaces`),
        h('p', {class: 'muted'}, 'Try a shorter word, the city alone, or another kind of space.'), reset)
    }
    return h('div', {class: 'pad stack'}, h('h2', {}, 'No parkings yet'),
      h('p', {class: 'muted'}, 'This installation does not know any. Bring some in with ', h('code', {}, 'openlot import parkings.geojson'), '; they appear here at once.'))
  }

  function row(p) {
    const element = h('a', {class: 'item', href: '#/p/' + p.id})
    let shown, shownN
    const draw = () => {
      const capacity = s.type ? p.space_types.find(t => t.type === s.type)?.capacity ?? p.capacity : p.capacity
      const sold = p.capacity !== null
      const n = sold ? p.available : null
      const l = level(n, capacity)
      const now = (p.space_types.find(t => t.type === s.type) || p).available_now
      const seen = [n, now, p.status].join()
      if (seen === shown) return // newer, and the same
      const moved = shown !== undefined && n !== shownN
      shown = seen
      shownN = n
      element.className = 'item' + (l.name === 'full' ? ' isfull' : '')
      element.replaceChildren(
        availability(n, capacity, {moved}),
        h('span', {class: 'nm'}, p.name),
        h('span', {class: 'pr'}, l.name === 'full' ? '' : money(p.price)),
        h('span', {class: 'ds'}, [p.distance_m !== undefined ? far(p.distance_m) : p.city, kinds[p.kind] || p.kind].join(' · '),
          h('br'), nowText(p, now, l)),
        h('span', {class: 'pw'}, sold ? (l.name === 'full' ? 'full then' : p.price ? length(state.window().to - state.window().from) : '') : 'not sold here'))
    }
    draw()
    return {element, update: c => { Object.assign(p, c); draw() }}
  }

  tellWindow()
  connect()
  fillCities(city, s.city)
  return {title: 'Find a parking', body, end: () => { clearTimeout(waiting); stop() }}
}

export const far = m => m < 950 ? `${Math.round(m / 10) * 10} m` : m < 20_000 ? `${(m / 1000).toFixed(1)} km` : `${Math.round(m / 1000)} km`

/** The second number, and what is not known about it. */
function nowText(p, now, l) {
  if (p.capacity === null) return 'Number of spaces not known. Pay at the gate.'
  if (now === null) return 'The gate does not answer. We do not guess what is free now.'
  if (now === 0) return l.name === 'full' ? 'full now, too' : 'full right now'
  return `${now} free right now` + (l.name === 'full' ? ', full then' : '')
}

/** All cities, read page by page while nobody waits for it. */
async function fillCities(select, chosen) {
  if (!cities) {
    const found = new Map()
    try {
      for (let cursor = ''; ;) {
        const page = await call('GET', '/parkings?' + query({limit: MOST, cursor}))
        for (const p of page.parkings) if (p.city) found.set(p.city, (found.get(p.city) || 0) + 1)
        cursor = page.next_cursor
        if (!cursor) break
      }
    } catch { return } // the search box finds cities as well
    cities = [...found].sort((a, b) => a[0].localeCompare(b[0]))
  }
  select.append(...cities.map(([name, n]) => h('option', {value: name}, `${name} (${n})`)))
  select.value = chosen
}
