// The page is one document; the part after # says what is shown.

import {h} from './dom.js'
import {find} from './find.js'
import {parking} from './parking.js'
import {checkout} from './checkout.js'
import {booking, bookingList} from './booking.js'

const main = document.getElementById('main')
let leave = () => {}
let shown = ''

function route() {
  const [path, tail] = location.hash.replace(/^#/, '').split('?')
  const parts = path.split('/').filter(Boolean).map(decodeURIComponent)
  const params = new URLSearchParams(tail)
  if (parts[0] === 'p' && parts[2] === 'reserve') return () => checkout(parts[1], params.get('type') || '')
  if (parts[0] === 'p' && parts[1]) return () => parking(parts[1])
  if (parts[0] === 'r' && parts[1]) return () => booking(parts[1], params.get('token'))
  if (parts[0] === 'bookings') return () => bookingList()
  if (!parts.length) return () => find()
  return () => ({title: 'Not found', body: h('section', {class: 'page'}, h('div', {class: 'pad stack'},
    h('h1', {}, 'There is nothing here'), h('p', {}, 'The address may be cut off.'), h('a', {class: 'btn', href: '#/'}, 'Find a parking'))), end() {}})
}

function show() {
  if (location.hash === '#main') return // the skip link
  leave()
  const view = route()()
  document.title = view.title + ' · Openlot'
  main.replaceChildren(view.body)
  leave = view.end
  if (shown) {
    scrollTo(0, 0)
    main.focus({preventScroll: true})
  }
  shown = location.hash
}

addEventListener('hashchange', show)
show()
