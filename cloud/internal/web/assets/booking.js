// A booking: the second step with the bank, the pass, and what becomes of it.

import {h, icon, note, ghosts, say} from './dom.js'
import {call, listenAs, iso, Failure} from './api.js'
import {span, clock, shortDay, date, money, length, sameDay, ownZone, HOUR} from './time.js'
import {kerbOf} from './kerb.js'
import {topbar, lines} from './parking.js'
import {typeName} from './find.js'
import {steps} from './checkout.js'
import {owed, promised} from './pay.js'
import * as state from './state.js'

const words = {
  held: 'waiting for the bank', confirmed: 'confirmed', active: 'inside', completed: 'done', expired: 'not booked', cancelled: 'cancelled',
  no_show: 'missed', walked: 'given up by the parking', voided: 'taken back'
}

export function booking(id, givenToken) {
  if (givenToken) {
    state.keep({id, token: givenToken})
    history.replaceState(null, '', '#/r/' + id) // the token stays out of the history
  }
  let b = state.booking(id)
  let r = b?.reservation, stop = () => {}, busy = '', ended = false, asked = false, wantCancel = false
  let way = null, payKey = '' // how what is owed is to be paid, once somebody has asked for it, and with which key
  let longer = null // the later end that is being thought about: {to, key, price}
  const wait = ghosts(2, 'Still asking. The connection may be slow.')
  const trouble = h('div', {class: 'trouble'})
  const content = h('div', {}, r ? null : wait)
  const body = h('article', {class: 'page'}, topbar('#/bookings', 'Your booking'), trouble, content)

  if (!b?.token) {
    wait.stop()
    content.replaceChildren(h('section', {class: 'stack'}, h('h1', {}, 'This booking is not on this device'),
      h('p', {class: 'muted'}, 'Open the link in your confirmation mail; it brings the booking here.'), h('a', {class: 'btn', href: '#/'}, 'Find a parking')))
    return {title: 'Booking', body, end() {}}
  }

  const zone = () => b.parking?.timezone || ownZone
  const path = '/reservations/' + encodeURIComponent(id)

  async function begin() {
    try {
      update((await call('GET', path, {token: b.token})).reservation)
    } catch (e) {
      if (ended) return
      wait.stop()
      if (!e.offline) {
        trouble.replaceChildren(note('wrong', 'wrong', e.status === 404 ? 'We do not know this booking' : 'This booking cannot be shown', e.message))
        if (e.status === 404) content.replaceChildren(h('section', {}, h('button', {class: 'btn ghost', type: 'button', onclick: () => { state.forget(id); location.hash = '#/bookings' }}, 'Remove it from this device')))
        return
      }
      offline(Date.now())
    }
    if (ended) return
    stop = listenAs(b.token, path, {
      up: () => { if (trouble.querySelector('.note.off')) trouble.replaceChildren() }, // called with every event: what else is said stays
      down: offline,
      reservation: a => update(a.reservation || a),
      end: () => stop(),
    })
  }

  function offline(since) {
    trouble.replaceChildren(note('off', 'off', `No connection since ${clock(since, ownZone)}`,
      b.qr && ['confirmed', 'active'].includes(r?.state) ? 'The gate does not need one. Show this pass there.' : 'This goes on by itself when you are back.'))
  }

  async function update(fresh) {
    if (r && fresh.version < r.version) return
    const before = r?.state
    wait.stop()
    r = fresh
    state.keep({id, reservation: r})
    if (!b.parking) {
      try {
        const p = await call('GET', '/parking?id=' + encodeURIComponent(r.parking_id))
        state.keep({id, parking: {id: p.id, name: p.name, timezone: p.timezone}})
      } catch { /* its id is shown instead of its name */ }
    }
    b = state.booking(id) || b
    if (before && before !== r.state) say(`Your booking is ${words[r.state] || r.state}`, true)
    if (r.pass && b.qrOf !== r.pass) await fetchQR()
    if (!ended) draw()
    // Back from the bank's page: ask what became of it.
    const open = r.pending_change?.payment || r.owed?.payment || r.payment
    if (open?.state === 'requires_action' && !asked && sessionStorage.getItem('openlot.bank') === id) {
      asked = true
      sessionStorage.removeItem('openlot.bank')
      confirm()
    }
  }

  /** The QR code is kept on the device, for a gate without network. */
  async function fetchQR() {
    try {
      const answer = await fetch(path + '/pass', {headers: {Accept: 'image/png', Authorization: 'Bearer ' + b.token}, cache: 'no-store'})
      if (!answer.ok) return
      const picture = await answer.blob()
      const url = await new Promise((done, failed) => {
        const reader = new FileReader()
        reader.onload = () => done(reader.result)
        reader.onerror = failed
        reader.readAsDataURL(picture)
      })
      state.keep({id, qr: url, qrOf: r.pass})
      b = state.booking(id) || {...b, qr: url, qrOf: r.pass}
    } catch { /* the text is shown until it can be fetched */ }
  }

  /** Sends what a button says; returns whether it was done. */
  async function act(what, title, {method = 'POST', to = what, body, headers} = {}) {
    if (busy) return false
    busy = what
    draw()
    try {
      const fresh = (await call(method, `${path}/${to}`, {token: b.token, body, headers})).reservation
      busy = ''
      trouble.replaceChildren()
      await update(fresh)
      return true
    } catch (e) {
      busy = ''
      // The same request again is safe when nobody knows what became of the first.
      if (e instanceof Failure && !e.offline && e.status < 500 && e.code !== 'request_in_progress') longer = null, payKey = ''
      if (ended) return false
      draw()
      const says = e.status === 402 && what === 'pay' ? 'Your bank refused this card. Nothing was taken: try another one.' : e.message
      trouble.replaceChildren(note(e.offline ? 'off' : 'wrong', e.offline ? 'off' : 'wrong', e.offline ? 'Nobody answered' : title, says,
        e.code && h('p', {class: 'tiny'}, h('span', {class: 'code'}, e.code))))
      trouble.scrollIntoView({block: 'nearest'})
      if (e instanceof Failure && !e.offline) {
        try { update((await call('GET', path, {token: b.token})).reservation) } catch { /* the stream brings it */ }
      }
      return false
    }
  }
  const confirm = () => act('confirm', 'The bank has not said yes')
  const withdraw = () => act('withdraw', 'This cannot be taken back', {method: 'DELETE', to: 'change?payment=' + encodeURIComponent(r.pending_change.payment.id)})
  const cancel = () => { wantCancel = false; act('cancel', 'This cannot be cancelled') }

  /** The price of the later end is asked first; once the stay has begun only the exit knows it. */
  async function think(by) {
    const mine = longer = {to: to() + by, key: state.freshKey(), price: null}
    draw()
    try {
      const answer = await call('POST', '/quotes', {body: {parking_id: r.parking_id, space_type: r.space_type, from: r.from, to: iso(mine.to)}})
      mine.price = (answer.quote || answer).price
      if (longer === mine && !ended) draw()
    } catch { /* it is said that it is priced anew */ }
  }

  async function extend() {
    const {to: end, key} = longer
    if (!await act('extend', 'You cannot stay longer', {body: {to: iso(end)}, headers: {'Idempotency-Key': key}})) return
    longer = null
    if (ended) return
    draw()
    if (to() === end) {
      trouble.replaceChildren(note('good', 'clock', `You can stay until ${endOf(end)}`, 'This pass takes the place of the one you had.'))
      say(`You can stay until ${endOf(end)}`, true)
    }
    scrollTo(0, 0) // what came of it is there
  }

  async function pay() {
    payKey ||= state.freshKey()
    if (!await act('pay', 'This was not paid', {body: way ? {payment_method: way} : {}, headers: {'Idempotency-Key': payKey}})) return
    way = null
    payKey = ''
    if (!ended) draw()
  }

  /** What is owed, or was; nothing where all was held. */
  const owes = () => r.owed ? owed({r, busy, chosen: way, pay, confirm, pick: to => { way = to; payKey = ''; draw() },
    bank: next => h('a', {class: 'btn sm', href: bankPage(next), onclick: () => sessionStorage.setItem('openlot.bank', id)}, 'Open my bank')}) : null
  const bankPage = next => next + (next.includes('?') ? '&' : '?') + 'return=' + encodeURIComponent('/#/r/' + id)

  const endOf = t => sameDay(t, from(), zone()) ? clock(t, zone()) : `${shortDay(t, zone())} ${clock(t, zone())}`

  const name = () => b.parking?.name || r.parking_id
  const from = () => Date.parse(r.from)
  const to = () => Date.parse(r.to)

  function draw() {
    const sections = [head()]
    if (r.state === 'held') sections.push(waiting())
    if (r.state === 'confirmed' || r.state === 'active') sections.push(r.pending_change ? waitingChange() : '', pass(), options())
    if (r.state === 'completed') sections.push(done())
    if (r.state === 'no_show') sections.push(missed(), r.pass ? pass() : '')
    if (['expired', 'cancelled', 'walked', 'voided'].includes(r.state)) sections.push(over())
    sections.push(h('section', {}, h('h2', {}, ['held', 'confirmed', 'active'].includes(r.state) ? 'What it costs' : 'What was agreed'), lines(r, zone())))
    content.replaceChildren(...sections)
  }

  function head() {
    return h('section', {class: 'hero'},
      r.state === 'held' && steps(1),
      h('div', {class: 'row between end'}, h('div', {}, h('h1', {class: 'h2'}, name()),
        h('p', {class: 'muted small'}, `${span(from(), to(), zone())}, ${typeName(r.space_type).toLowerCase()}`)),
      h('span', {class: 'fig price'}, money(r.price))))
  }

  function waiting() {
    const until = r.hold_until ? clock(Date.parse(r.hold_until), zone()) : ''
    const kept = until ? `Your space at ${name()} is kept for you until ${until}.` : `Your space at ${name()} is kept for you meanwhile.`
    if (r.payment.state === 'requires_action') {
      const next = r.payment.next_action
      const href = next && bankPage(next)
      return h('section', {class: 'centre stack'}, icon('bank'), h('h2', {}, `Approve ${money(r.payment.amount)} with your bank`),
        h('p', {class: 'muted'}, kept + ' Come back here afterwards.'),
        href && h('a', {class: 'btn wide', href, onclick: () => sessionStorage.setItem('openlot.bank', id)}, 'Open my bank'),
        h('button', {class: 'btn ghost wide', type: 'button', disabled: Boolean(busy), onclick: confirm}, busy === 'confirm' ? 'Asking…' : 'I have approved it'),
        h('p', {class: 'small muted'}, 'Closed the bank’s page by mistake? Nothing is lost: open it again. If the time runs out the space goes back and nothing is held.'),
        giveUp())
    }
    return h('section', {class: 'centre stack'}, icon('clock'), h('h2', {}, 'Your bank has not answered yet'),
      h('p', {class: 'muted'}, kept + ' We keep asking; this page goes on by itself, and the pass is mailed to you as well. You are charged at most once.'), giveUp())
  }

  function pass() {
    const inside = r.state === 'active'
    return h('article', {class: 'pass', 'aria-label': 'Your pass'},
      h('div', {class: 'top'}, h('b', {}, name()), r.vehicle_plate ? h('span', {class: 'plate'}, r.vehicle_plate) : h('span'),
        h('div', {class: 'fig'}, `${shortDay(from(), zone())} ${clock(from(), zone())} – ${clock(to(), zone())}`)),
      h('div', {class: 'qr'}, b.qr && b.qrOf === r.pass
        ? h('img', {src: b.qr, alt: 'QR pass for the gate'}) : h('p', {class: 'code-text'}, r.pass || 'The pass is being made.')),
      h('dl', {class: 'facts'},
        h('div', {}, h('dt', {}, inside ? 'You are' : 'Day'), h('dd', {}, inside ? 'inside' : date(from(), zone()))),
        h('div', {}, h('dt', {}, r.space ? (inside ? 'Bay' : 'Bay, as the gate tells') : 'Space'), h('dd', {}, r.space ? (inside ? r.space : `probably ${r.space}`) : typeName(r.space_type))),
        h('div', {class: 'right'}, h('dt', {}, 'Booking'), h('dd', {class: 'code-big'}, short(r.id)))))
  }

  function options() {
    const inside = r.state === 'active'
    const copied = h('span', {class: 'small', role: 'status'})
    return h('section', {},
      kerbOf(from(), to(), zone(), {running: inside}),
      h('div', {class: 'opt'}, h('div', {}, h('b', {}, inside ? 'Leave whenever you like' : `Come from ${clock(from(), zone())}`),
        h('p', {class: 'small muted'}, inside
          ? `${promised(r) ? `Pay ${money(r.price)} at the machine, then drive out. The exit opens all the same.` : 'Just drive out: show the pass at the exit, and the price is taken from what is held.'}${early()}`
          : `Your space is kept until ${r.no_show_at ? clock(Date.parse(r.no_show_at), zone()) : clock(to(), zone())}. ${held()}${early()}`))),
      asksAgain(),
      r.pending_change ? null : stayLonger(),
      h('div', {class: 'opt'}, h('div', {}, h('b', {}, 'Pass as text'), h('p', {class: 'small muted'}, 'For a gate that is typed into, or to keep.')),
        h('span', {}, h('button', {class: 'btn ghost sm', type: 'button', onclick: async () => {
          try {
            await navigator.clipboard.writeText(r.pass)
            copied.textContent = ' copied'
          } catch { copied.textContent = ' Select the text below to copy it.' }
        }}, 'Copy'), copied)),
      h('details', {class: 'exact'}, h('summary', {}, 'Show the text'), h('p', {class: 'code-text', tabindex: '0'}, r.pass || '')),
      !inside && giveUp())
  }

  /** What leaving early costs, where that is less. */
  const early = () => r.early_charge ? ` Who leaves early pays for the time until then, at least ${money(r.early_charge)}.` : ''

  /** What was given back of what was taken. */
  function back() {
    const under = (r.payment.refunds || []).some(x => x.state === 'requested' || x.state === 'pending')
    if (r.payment.refunded?.minor) return ` ${money(r.payment.refunded)} ${under ? 'is on its way back' : 'was given back'} to your card.`
    return under ? ' Some of it is on its way back to your card.' : ''
  }

  /** What the card holds, in a sentence. */
  function held() {
    if (r.payment.state === 'method_saved') {
      return r.payment.decline_code
        ? 'Your bank did not let us hold the price. We try again until your time begins; what is not held is paid when you leave.'
        : `Your card is kept, and nothing is held yet: ${money(r.price)} is held a day before your time begins, and taken after you have left, like what you stay longer.`
    }
    if (r.payment.state === 'lapsed') return 'What was held on your card has run out. What your stay costs is paid when you leave.'
    if (promised(r)) return `Nothing is held: you pay ${money(r.price)} at the machine before you drive out.`
    return `${money(r.payment.authorized)} is held on your card, nothing is taken yet.`
  }

  /** The bank asks before the price of a confirmed booking is held (again). */
  function asksAgain() {
    const next = r.payment.state !== 'requires_action' && r.payment.next_action
    if (!next) return null
    const href = bankPage(next)
    return h('div', {class: 'note'}, icon('bank'), h('p', {class: 'h'}, `Approve ${money(r.price)} with your bank`),
      h('p', {class: 'small'}, 'Your bank asks before it holds the price. Your place stays yours either way.'),
      h('p', {class: 'row'}, h('a', {class: 'btn sm', href}, 'Open my bank'),
        h('button', {class: 'btn ghost sm', type: 'button', disabled: Boolean(busy), onclick: confirm}, busy === 'confirm' ? 'Asking…' : 'I have approved it')))
  }

  function stayLonger() {
    if (!longer) {
      return h('div', {class: 'opt'}, h('div', {}, h('b', {}, 'Stay longer?'), h('p', {class: 'small muted'}, `Your time ends at ${endOf(to())}.`)),
        h('span', {class: 'row'}, [HOUR / 2, HOUR].map(by =>
          h('button', {class: 'btn ghost sm', type: 'button', disabled: Boolean(busy), onclick: () => think(by)}, '+ ' + length(by)))))
    }
    return h('div', {class: 'note ask'}, icon('clock'), h('p', {class: 'h'}, `Stay until ${endOf(longer.to)}?`),
      h('p', {class: 'small'}, longer.price
        ? `The whole stay then costs ${money(longer.price)} instead of ${money(r.price)}. `
        : 'The whole stay is priced anew, by the same tariff. ',
      promised(r) ? 'You pay it at the machine.' : 'If that is more than your card holds now, the new sum is held and the old hold goes back.'),
      h('p', {class: 'row'}, h('button', {class: 'btn sm', type: 'button', disabled: Boolean(busy), onclick: extend}, busy === 'extend' ? 'Asking…' : `Yes, until ${endOf(longer.to)}`),
        h('button', {class: 'btn ghost sm', type: 'button', disabled: Boolean(busy), onclick: () => { longer = null; draw() }}, 'No')))
  }

  /** A change that waits for the bank, and how to take it back. */
  function waitingChange() {
    const c = r.pending_change
    const when = c.from === r.from && c.space_type === r.space_type ? `Staying until ${endOf(Date.parse(c.to))}` : span(Date.parse(c.from), Date.parse(c.to), zone())
    const asks = c.payment.state === 'requires_action'
    const stays = `Nothing changes before ${asks ? 'you have' : 'it has'}. If that is not before ${clock(Date.parse(c.until), zone())}, your booking stays as it is.`
    const back = h('button', {class: 'btn ghost sm', type: 'button', disabled: Boolean(busy), onclick: withdraw}, busy === 'withdraw' ? 'Taking it back…' : 'Take it back')
    if (!asks) {
      return h('section', {}, h('div', {class: 'note'}, icon('clock'), h('p', {class: 'h'}, `${when}: your bank has not answered yet`), h('p', {class: 'small'}, stays), h('p', {class: 'row'}, back)))
    }
    const next = c.payment.next_action
    const href = next && bankPage(next)
    return h('section', {}, h('div', {class: 'note'}, icon('bank'), h('p', {class: 'h'}, `${when}: approve ${money(c.payment.amount)} with your bank`), h('p', {class: 'small'}, stays),
      h('p', {class: 'row'}, href && h('a', {class: 'btn sm', href, onclick: () => sessionStorage.setItem('openlot.bank', id)}, 'Open my bank'),
        h('button', {class: 'btn ghost sm', type: 'button', disabled: Boolean(busy), onclick: confirm}, busy === 'confirm' ? 'Asking…' : 'I have approved it'), back)))
  }

  const deadline = () => clock(r.no_show_at ? Date.parse(r.no_show_at) : to(), zone())
  // Giving up a place that is not kept any more costs what not coming costs.
  const kept = () => !r.no_show_at || Date.now() < Date.parse(r.no_show_at)
  const late = () => `Your space was kept until ${deadline()}. ` + (r.no_show_charge?.minor ? `${money(r.no_show_charge)} is taken all the same.` : 'Nothing is taken.')

  function giveUp() {
    if (!wantCancel) {
      return h('div', {class: 'opt'}, h('div', {}, h('b', {}, 'Plans changed?'), h('p', {class: 'small muted'}, kept() ? `Free until ${deadline()}, or until you drive in.` : late())),
        h('button', {class: 'btn ghost sm', type: 'button', disabled: Boolean(busy), onclick: () => { wantCancel = true; draw() }}, busy === 'cancel' ? 'Cancelling…' : 'Cancel'))
    }
    return h('div', {class: 'note warn ask'}, icon('info'), h('p', {class: 'h'}, 'Give this space up?'),
      h('p', {class: 'small'}, kept() ? `Somebody else can have it at once. ${promised(r) ? 'Nothing was held' : `${money(r.payment.amount)} goes back to your card`}; the pass stops working.` : `${late()} The pass stops working.`),
      h('p', {class: 'row'}, h('button', {class: 'btn sm', type: 'button', onclick: cancel}, 'Yes, give it up'),
        h('button', {class: 'btn ghost sm', type: 'button', onclick: () => { wantCancel = false; draw() }}, 'Keep it')))
  }

  /** The link to the receipt, once nothing about the money is open. */
  function receipt() {
    if (!['captured', 'voided'].includes(r.payment.state) || !r.payment.authorized.minor && r.state !== 'completed') return null
    return h('p', {}, h('a', {class: 'btn ghost', href: `${path}/receipt?format=html&token=${encodeURIComponent(b.token)}`, target: '_blank', rel: 'noreferrer'}, 'Receipt'))
  }

  function done() {
    const paid = r.payment.captured
    const nothing = promised(r) ? 'Nothing was held on a card for this stay.' : 'What the stay cost is being taken from the hold; the rest goes back.'
    return h('section', {class: 'stack'}, note('good', 'undo', 'You have left. Thank you.',
      paid ? `${money(paid)} was taken for this stay${paid.minor < r.payment.authorized.minor ? '; the rest of the hold went back' : ''}.${back()}` : nothing), owes(),
    kerbOf(from(), to(), zone()), receipt())
  }

  function missed() {
    const taken = r.payment.captured || (r.payment.state === 'capture_requested' && r.price)
    return h('section', {class: 'stack'}, note('warn', 'info', 'Nobody came in time',
      `Your space at ${name()} was kept until ${r.no_show_at ? clock(Date.parse(r.no_show_at), zone()) : clock(to(), zone())}; others may use it now. ` +
      (taken ? 'What was taken from your card counts when you still come. ' : 'What was held on your card goes back. ') +
      `Until ${clock(to(), zone())} this pass lets you in when there is room.`), receipt())
  }

  function over() {
    if (r.state === 'walked' || r.state === 'voided') {
      return h('section', {class: 'stack'}, note('wrong', 'wrong',
        r.state === 'walked' ? `Sorry: ${name()} has no space for you` : `Sorry: ${name()} has taken this booking back`,
        'You pay nothing: what was held goes back to your card. The pass does not work any more.'),
      h('a', {class: 'btn', href: '#/'}, 'Find another parking'), receipt())
    }
    const declined = r.payment.state === 'declined'
    const cancelled = r.state === 'cancelled'
    const taken = r.payment.captured || (r.payment.state === 'capture_requested' && r.no_show_charge)
    return h('section', {class: 'stack'},
      note(declined ? 'wrong' : '', declined ? 'wrong' : 'info',
        cancelled ? 'You gave this space up' : declined ? 'The payment was refused' : 'The payment was not secured in time',
        cancelled ? (taken ? `${money(taken)} is taken: your space was kept until ${deadline()}.` : promised(r) ? 'You pay nothing.' : 'The hold goes back to your card.') + ' The pass does not work any more.' : 'Nothing was taken and the space is free again. You can reserve it once more.'),
      h('a', {class: 'btn', href: '#/p/' + r.parking_id}, 'Reserve again'), receipt())
  }

  if (r) draw()
  begin()
  return {title: 'Your booking', body, end: () => { ended = true; wait.stop(); stop() }}
}

/** The last characters of an id, for people. */
const short = id => id.slice(-6).toUpperCase().replace(/^(...)/, '$1 ') // as in the mail

export function bookingList() {
  const open = ['active', 'confirmed', 'held']
  const rank = s => open.indexOf(s) + 1 || 9
  const sorted = () => state.bookings().sort((a, b) => rank(a.reservation?.state) - rank(b.reservation?.state))
  const all = sorted()
  let ended = false
  const list = h('ul', {class: 'list'})
  const draw = () => list.replaceChildren(...sorted().map(row))

  /** What is kept may be old: a bank has answered, a car has left. The oldest is kept first, so that the order stays. */
  async function refresh() {
    for (const b of state.bookings().filter(b => open.includes(b.reservation?.state)).reverse()) {
      try {
        const {reservation} = await call('GET', '/reservations/' + encodeURIComponent(b.id), {token: b.token})
        state.keep({id: b.id, reservation})
      } catch { /* what is kept is shown */ }
      if (ended) return
    }
    draw()
  }

  function row(b) {
    const r = b.reservation
    return h('li', {}, h('a', {class: 'item plain' + (open.includes(r?.state) ? ' on' : ''), href: '#/r/' + b.id},
      h('span', {class: 'nm'}, b.parking?.name || r?.parking_id || b.id),
      h('span', {class: 'pr'}, money(r?.price)),
      h('span', {class: 'ds'}, r ? span(Date.parse(r.from), Date.parse(r.to), b.parking?.timezone || ownZone) : ''),
      h('span', {class: 'pw'}, r?.owed?.amount.minor > 0 ? 'to be paid' : words[r?.state] || '')))
  }

  const body = h('section', {class: 'page'}, topbar('#/', 'My bookings'), all.length ? h('h1', {class: 'sr'}, 'My bookings') : null,
    all.length
      ? list
      : h('div', {class: 'pad stack'}, h('h1', {}, 'No bookings on this device'),
        h('p', {class: 'muted'}, 'What you reserve here is kept here, with its pass, also without a network. The link in a confirmation mail brings a booking here too.'),
        h('a', {class: 'btn', href: '#/'}, 'Find a parking')),
    all.length ? h('p', {class: 'pad small muted'}, 'Kept on this device only; the confirmation mails hold the same.') : null)
  draw()
  refresh()
  return {title: 'My bookings', body, end: () => { ended = true }}
}

