// Reserve: a hold on a card, or a promise to pay at the machine.

import {h, note, availability, say} from './dom.js'
import {call, query, iso} from './api.js'
import {span, money, clock} from './time.js'
import {lines, topbar} from './parking.js'
import {typeName, far} from './find.js'
import {bookingChoice, meaning, machine} from './pay.js'
import * as state from './state.js'

export function checkout(id, type) {
  let p, quote, sending = false, ended = false
  let sent = null // the request as it went out, with its key: sending it again is the same request
  const trouble = h('div', {class: 'trouble'})
  const head = h('section', {}, h('span', {class: 'ghost'}), h('span', {class: 'ghost short'}))
  const form = h('form', {novalidate: true, onsubmit: e => { e.preventDefault(); submit() }})
  const title = h('span', {}, 'Reserve')
  const body = h('article', {class: 'page'}, topbar('#/p/' + id, title), steps(1), trouble, head, form)

  const field = (name, label, props, hint) => {
    const msg = h('span', {class: 'msg', id: name + '-msg', hidden: true})
    const input = h('input', {name, 'aria-describedby': name + '-msg', ...props})
    const e = h('label', {class: 'field'}, h('span', {}, label, hint && h('span', {class: 'muted'}, ' ' + hint)), input, msg)
    e.input = input
    e.wrong = text => {
      e.classList.toggle('bad', Boolean(text))
      msg.hidden = !text
      msg.textContent = text || ''
      input.setAttribute('aria-invalid', String(Boolean(text)))
    }
    input.addEventListener('input', () => { e.wrong(''); sent = null })
    return e
  }
  const email = field('email', 'E-mail for pass and receipt', {type: 'email', autocomplete: 'email', inputmode: 'email', required: true, value: state.driver.email})
  const plate = field('plate', 'Plate', {type: 'text', autocomplete: 'off', autocapitalize: 'characters', maxlength: 16, value: state.driver.plate, class: 'code-input'}, '(optional)')
  const phone = field('phone', 'Phone', {type: 'tel', autocomplete: 'tel', inputmode: 'tel', maxlength: 32, placeholder: '+49 151 23456789', value: state.driver.phone || ''}, '(optional, for an SMS before your time ends)')
  let method = 'pm_sandbox_ok'
  const explained = h('p', {class: 'small muted'})
  const pick = m => {
    method = m
    sent = null
    explained.textContent = meaning(method, state.window().from)
    drawBar()
  }
  const bar = h('div', {class: 'stickybar'})

  async function begin() {
    const {from, to} = state.window()
    try {
      p = await call('GET', '/parking?' + query({id, from: iso(from), to: iso(to)}))
      state.lookAt(p.timezone)
      if (!p.space_types.some(t => t.type === type)) type = p.space_types[0]?.type || 'standard'
      await requote()
    } catch (e) {
      if (ended) return
      trouble.replaceChildren(note(e.offline ? 'off' : 'wrong', e.offline ? 'off' : 'wrong', e.offline ? 'No connection' : 'This cannot be reserved now', e.message,
        h('p', {}, h('button', {type: 'button', class: 'btn ghost sm', onclick: () => { trouble.replaceChildren(); begin() }}, 'Ask again'))))
      return
    }
    if (!ended) draw()
  }

  async function requote() {
    const {from, to} = state.window()
    const answer = await call('POST', '/quotes', {body: {parking_id: id, space_type: type, from: iso(from), to: iso(to)}})
    quote = answer.quote || answer
  }

  function draw() {
    const {from, to} = state.window()
    head.replaceChildren(h('div', {class: 'row between end'},
      h('div', {}, h('h1', {class: 'h2'}, p.name), h('p', {class: 'muted small'}, `${span(from, to, p.timezone)}, ${typeName(type).toLowerCase()}`)),
      h('span', {class: 'fig price'}, money(quote.price))))
    form.replaceChildren(
      h('section', {class: 'stack'}, email, plate, phone, bookingChoice(p.policies.pay_at_machine, method, pick)),
      h('section', {}, h('h2', {}, 'What happens to your money'), lines(quote, p.timezone),
        explained),
      bar)
    explained.textContent = meaning(method, from)
    drawBar()
  }

  function drawBar() {
    title.textContent = method === machine ? 'Reserve, pay at the machine' : 'Reserve and hold'
    const what = method === machine ? 'at the machine' : 'hold'
    const ask = method === machine ? 'Reserve, pay there' : `Hold ${money(quote.price)}`
    bar.replaceChildren(h('div', {class: 'in'},
      h('div', {}, h('span', {class: 'fig price'}, money(quote.price)),
        h('div', {class: 'tiny quiet'}, quote.expires_at ? `${what} · price stands until ${clock(Date.parse(quote.expires_at), p.timezone)}` : what)),
      h('button', {class: 'btn', type: 'submit', disabled: sending}, sending ? (method === machine ? 'Reserving…' : 'Asking your bank…') : ask)))
  }

  async function submit() {
    if (sending) return
    trouble.replaceChildren()
    const address = email.input.value.trim()
    if (!/^\S+@\S+$/.test(address)) {
      email.wrong(address ? 'This does not look like an e-mail address. The pass is sent there.' : 'We need an address to send the pass to.')
      email.input.focus()
      return
    }
    const number = phone.input.value.trim().replace(/^00/, '+')
    if (number && !/^\+[\d ()-]{7,}$/.test(number)) {
      phone.wrong('Begin with + and the country, such as +49 151 23456789. You can also leave it empty.')
      phone.input.focus()
      return
    }
    state.driver.email = address
    state.driver.phone = number
    state.driver.plate = plate.input.value.trim().toUpperCase()
    state.saveDriver()
    const {from, to} = state.window()
    sent ||= {
      key: state.freshKey(),
      body: {
        parking_id: id, space_type: type, from: iso(from), to: iso(to), quote_id: quote.id,
        payment_method: method, contact: {email: address, ...(number ? {phone: number} : {})},
        ...(state.driver.plate ? {vehicle_plate: state.driver.plate} : {}),
      },
    }
    sending = true
    drawBar()
    say(method === machine ? 'Reserving' : 'Asking your bank', true)
    try {
      const answer = await call('POST', '/reserve', {body: sent.body, headers: {'Idempotency-Key': sent.key}})
      const r = answer.reservation
      state.keep({id: r.id, token: r.manage_token, parking: {id: p.id, name: p.name, timezone: p.timezone}, reservation: r})
      location.hash = '#/r/' + r.id
    } catch (e) {
      sending = false
      if (ended) return
      await failed(e)
      drawBar()
      trouble.scrollIntoView({block: 'nearest'})
    }
  }

  /** What is safe, then what to do. */
  async function failed(e) {
    const show = (kind, i, title, ...text) => trouble.replaceChildren(note(kind, i, title, ...text, e.code && h('p', {class: 'tiny'}, h('span', {class: 'code'}, e.code))))
    // sent stays: the same request again is safe, and finds what the first one did.
    if (e.code === 'request_in_progress') return show('', 'info', 'Your bank is still being asked', 'Press the button again in a moment: it stays the same booking, and your card is asked only once.')
    if (e.offline || e.status >= 500 && e.code !== 'internal') {
      return show(e.offline ? 'off' : 'warn', e.offline ? 'off' : 'info', e.offline ? 'Nobody answered' : 'Not now', e.message,
        'Press the button again: it stays the same booking, and your card is asked only once.')
    }
    sent = null
    if (e.status === 402) return show('wrong', 'wrong', 'Your bank refused this card', 'Nothing was held or taken, and no space is reserved yet.', 'Try another card.')
    if (e.code === 'sold_out') {
      show('wrong', 'wrong', 'Somebody took the last space', e.message, 'Your card was not touched.', await others())
      return
    }
    if (e.code === 'quote_expired' || e.code === 'quote_mismatch') {
      const before = quote.price.minor
      try { await requote() } catch (again) { return show('wrong', 'wrong', 'No price for this time', again.message) }
      draw()
      return show('', 'info', 'The price was asked again', quote.price.minor === before ? 'It is the same. Press the button again to reserve.' : `It is ${money(quote.price)} now. Nothing was held yet.`)
    }
    if (e.fields['contact.email']) email.wrong('This e-mail address cannot be used: it ' + e.fields['contact.email'] + '.')
    if (e.fields['contact.phone']) phone.wrong('This number cannot be used: it ' + e.fields['contact.phone'] + '.')
    if (e.fields.vehicle_plate) plate.wrong('This plate cannot be used: it ' + e.fields.vehicle_plate + '.')
    show('wrong', 'wrong', 'This was not reserved', e.code === 'request_invalid' ? 'What is marked below cannot be used.' : e.message, 'Nothing was held or taken.')
  }

  /** The nearest others that have a space, with their numbers. */
  async function others() {
    const {from, to} = state.window()
    try {
      const page = await call('GET', '/parkings?' + query({near: `${p.latitude},${p.longitude}`, from: iso(from), to: iso(to), space_type: type, limit: 20}))
      const free = page.parkings.filter(x => x.id !== id && x.available > 0).slice(0, 3)
      return h('ul', {class: 'others'}, free.map(x => h('li', {}, h('a', {href: '#/p/' + x.id},
        availability(x.available, x.capacity), h('span', {}, h('b', {}, x.name), h('span', {class: 'small muted'}, `${far(x.distance_m)} from here`)), h('span', {class: 'fig'}, money(x.price))))))
    } catch { return null }
  }

  begin()
  return {title: 'Reserve', body, end: () => { ended = true }}
}

export const steps = n => h('div', {class: 'steps', role: 'img', 'aria-label': `Step ${n + 1} of 3`},
  [0, 1, 2].map(i => h('span', {class: i < n ? 'd' : i === n ? 'c' : ''})))

