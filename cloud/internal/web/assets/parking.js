// One parking: free for your time, free right now, what it costs, what the gate
// needs.

import {h, icon, availability, count, comb, level, note, ghosts, say} from './dom.js'
import {call, listen, query, iso, Failure} from './api.js'
import {span, length, money, clock, clockSeconds, ownZone} from './time.js'
import {chooser} from './kerb.js'
import {kinds, typeName, far} from './find.js'
import * as state from './state.js'

export function parking(id) {
  let p, stop = () => {}, waiting, asking, quote, quoteFailed, type
  let lastNow, lastFree, kerb, shown, asked
  const wait = ghosts(3, 'Still asking. The connection may be slow.')
  const trouble = h('div', {class: 'trouble'})
  const hero = h('section', {class: 'hero'}, wait)
  const time = h('section', {hidden: true})
  const cost = h('section', {class: 'cost', hidden: true})
  const needs = h('section', {hidden: true})
  const body = h('article', {class: 'page wide'}, topbar('#/', ''), trouble, hero, time, cost, needs)

  function connect() {
    stop()
    stop = listen(() => {
      const {from, to} = state.window()
      if (asked && asked !== from) { // the time had passed and was moved
        drawTime()
        ask(0)
      }
      asked = from
      return '/parking?' + query({id, from: iso(from), to: iso(to)})
    }, {
      up: () => { trouble.replaceChildren(); body.classList.remove('stale') },
      down: since => {
        wait.stop()
        body.classList.add('stale')
        trouble.replaceChildren(note('off', 'off', `No connection since ${clock(since, ownZone)}`, 'The numbers are from then. They go on by themselves when you are back.'))
        if (!p) exists()
      },
      parking: update,
    })
  }

  // A stream cannot say why it is refused; a plain question can.
  async function exists() {
    try { await call('GET', '/parking?' + query({id})) } catch (e) {
      if (e instanceof Failure && !e.offline) {
        stop()
        trouble.replaceChildren()
        hero.replaceChildren(h('h1', {}, e.status === 404 ? 'There is no such parking' : 'This parking cannot be shown'),
          h('p', {class: 'muted'}, e.message), h('a', {class: 'btn', href: '#/'}, 'Find a parking'))
      }
    }
  }

  function update(fresh) {
    wait.stop()
    const first = !p
    p = fresh
    if (first) {
      state.lookAt(p.timezone)
      document.title = p.name + ' · Openlot'
      const types = p.space_types.map(t => t.type)
      type = types.includes(state.search.type) ? state.search.type : types[0]
      drawTime()
      drawNeeds()
      ask(0)
    }
    drawHero()
  }

  const ofType = () => p.space_types.find(t => t.type === type)

  function drawHero() {
    const t = ofType()
    const where = [p.address, p.city].filter(Boolean).join(', ')
    const kind = (kinds[p.kind] || p.kind) + (p.capacity ? `, ${p.capacity} spaces` : '')
    const free = t ? t.available : null
    const l = level(free, t?.capacity)
    const now = t ? t.available_now : null
    const head = [h('h1', {}, p.name), h('p', {class: 'muted lead'}, [where, kind].filter(Boolean).join(' · '),
      p.distance_m !== undefined ? ' · ' + far(p.distance_m) : '')]
    const asOf = now === null
      ? h('p', {class: 'live stale'}, `No word from the gate since ${clock(Date.parse(p.as_of), p.timezone)}. Reserved spaces are kept.`)
      : h('p', {class: 'live'}, `Live, as of ${clockSeconds(Date.parse(p.as_of), p.timezone)}`)
    const seen = [type, free, now, p.name].join()
    if (seen === shown) { // only newer: nothing moves but the time
      hero.lastElementChild.replaceWith(asOf)
      return
    }
    shown = seen
    if (!t) {
      hero.replaceChildren(...head, note('off', 'info', 'Not for reservation', 'Nobody told us how many spaces there are, so we do not sell any. You can still drive there and pay at the gate.'))
      return
    }
    hero.replaceChildren(...head,
      h('div', {class: 'two'},
        h('div', {class: 'mine'}, h('span', {class: 'small strong'}, 'Free for your time'), h('span', {class: 'big'}, figure(free, lastFree)),
          h('span', {class: 'av ' + l.name}, comb(l), h('span', {class: 'w'}, l.word))),
        h('div', {}, h('span', {class: 'small strong'}, 'Free right now'), h('span', {class: 'big'}, now === null ? '–' : figure(now, lastNow)),
          h('span', {class: 'small muted'}, now === null ? 'not known: the gate does not answer' : now === 0 ? 'full for walk-ins' : lastNow !== undefined && lastNow !== now ? `was ${lastNow}` : 'for walk-ins'))),
      asOf)
    if (now !== null && now !== lastNow) {
      if (lastNow !== undefined) say(`${now} free right now, ${free} for your time`)
      lastNow = now
    }
    lastFree = free
    drawCost()
  }

  /** Only a figure that is new moves. */
  const figure = (n, was) => n === was || was === undefined ? h('span', {class: 'count still'}, String(n)) : count(n)

  function drawTime() {
    time.hidden = p.space_types.length === 0
    cost.hidden = time.hidden
    const heading = h('h2', {})
    const tell = () => { heading.textContent = span(state.window().from, state.window().to, p.timezone) }
    kerb = chooser(() => ({...state.window(), zone: p.timezone}), (from, to) => {
      state.choose(from, to)
      tell()
      asked = from
      quote = null
      drawCost()
      clearTimeout(waiting)
      waiting = setTimeout(() => { connect(); ask(0) }, 350)
    }, {maxStay: p.policies.max_stay_minutes * 60_000})
    tell()
    const chips = h('div', {class: 'filters', role: 'group', 'aria-label': 'Space type'}, p.space_types.map(t => h('button', {
      type: 'button', class: 'chip', 'aria-pressed': String(t.type === type),
      onclick: e => {
        type = state.search.type = t.type
        state.saveSearch()
        for (const b of chips.children) b.setAttribute('aria-pressed', String(b === e.currentTarget))
        lastNow = undefined
        drawHero()
        drawNeeds()
        ask(0)
      },
    }, typeName(t.type))))
    time.replaceChildren(heading, h('p', {class: 'small muted'}, 'Move the ends to change.', p.timezone === ownZone ? '' : ` All times are ${p.timezone.split('/').pop().replaceAll('_', ' ')} time.`),
      kerb, ...(p.space_types.length > 1 ? [chips] : []))
  }

  async function ask(ms) {
    clearTimeout(waiting)
    await new Promise(r => setTimeout(r, ms))
    asking?.abort()
    asking = new AbortController()
    const {from, to} = state.window()
    quoteFailed = null
    try {
      const answer = await call('POST', '/quotes', {body: {parking_id: id, space_type: type, from: iso(from), to: iso(to)}, signal: asking.signal})
      quote = answer.quote || answer
    } catch (e) {
      if (e.name === 'AbortError') return
      quote = null
      quoteFailed = e
    }
    drawCost()
  }

  function drawCost() {
    if (!p || !ofType()) return
    const {from, to} = state.window()
    const free = ofType().available
    const parts = [h('h2', {}, 'What it costs')]
    if (quote) parts.push(lines(quote, p.timezone))
    else if (quoteFailed) parts.push(note('wrong', 'wrong', 'No price for this time', quoteFailed.message))
    else parts.push(h('div', {class: 'lines'}, h('span', {class: 'ghost'}), h('span', {class: 'ghost short'})))
    if (free <= 0) parts.push(note('', 'info', 'Full for your time', 'Another time, another kind of space or another parking may have one.', h('p', {class: 'small'}, h('a', {href: '#/'}, 'See other parkings'))))
    else if (quote?.price.minor) {
      parts.push(note('good', 'undo', 'Nothing is taken before you leave', 'The price is only held on your card. It is taken when you drive out, and not before.'))
    }
    const can = quote && free > 0
    parts.push(h('div', {class: 'stickybar'}, h('div', {class: 'in'},
      h('div', {}, h('span', {class: 'fig price'}, quote ? money(quote.price) : '–'), h('div', {class: 'tiny quiet'}, `${length(to - from)}, ${free} free for your time`)),
      can ? h('a', {class: 'btn', href: `#/p/${id}/reserve?type=${encodeURIComponent(type)}`}, 'Reserve')
        : h('span', {class: 'btn', 'aria-disabled': 'true', role: 'link'}, free > 0 ? 'Reserve' : 'Full then'))))
    cost.replaceChildren(...parts)
  }

  function drawNeeds() {
    const {early_entry_minutes: early, no_show_after_minutes: late, exit_grace_minutes: grace} = p.policies
    const item = (i, title, text) => h('li', {}, icon(i), h('div', {}, h('b', {}, title), h('div', {class: 'small muted'}, text)))
    needs.hidden = p.space_types.length === 0
    needs.replaceChildren(h('h2', {}, 'What the gate needs'), h('ul', {class: 'needs'},
      item('qr', 'Your pass', 'A QR code on your phone. It works with no signal, also at the gate.'),
      // What is lent to gates for those without a claim is standard spaces.
      item('clock', `Come ${type === 'standard' ? `up to ${early} min early` : 'when your time begins'}, at the latest ${length(late * 60_000)} after it`,
        `${type === 'standard' ? 'Before your time the gate lets you in when there is room. ' : ''}After the latest your space may be given on. Leaving up to ${grace} min late costs nothing more.`)))
  }

  connect()
  return {title: 'Parking', body, end: () => { clearTimeout(waiting); asking?.abort(); wait.stop(); stop() }}
}

/** A price as a sum that can be checked with a pencil. */
export function lines(quote, zone) {
  const detail = quote.price_detail || quote
  return h('div', {class: 'lines'},
    (detail.lines || []).flatMap(l => [
      h('div', {}, l.label, h('span', {class: 's'}, `${clock(Date.parse(l.from), zone)} – ${clock(Date.parse(l.to), zone)}`)),
      h('div', {class: 'a'}, money(l.amount))]),
    h('div', {class: 'sum'}),
    h('div', {class: 'tot'}, 'Total', detail.tax && h('span', {class: 's'}, `includes VAT, ${money(detail.tax)}`)),
    h('div', {class: 'tot a'}, money(quote.price)))
}

export function topbar(back, title) {
  return h('div', {class: 'topbar'}, h('a', {class: 'sq', href: back, 'aria-label': 'Back'}, icon('back')), h('span', {class: 'strong'}, title), h('span', {class: 'sq'}))
}
