// Building the page: elements, the comb (space), counts that change.

const SVG = 'http://www.w3.org/2000/svg'

/** An element: h('p', {class: 'a', onclick: f}, 'text', child, …). */
export function h(tag, props = {}, ...children) {
  const e = document.createElement(tag)
  for (const [k, v] of Object.entries(props)) {
    if (v === undefined || v === null || v === false) continue
    if (k.startsWith('on')) e.addEventListener(k.slice(2), v)
    else if (k === 'style') for (const [name, value] of Object.entries(v)) e.style.setProperty(name, value)
    else if (k === 'value' || k === 'checked' || k === 'disabled' || k === 'hidden') e[k] = v
    else e.setAttribute(k, v === true ? '' : v)
  }
  e.append(...children.flat().filter(c => c !== null && c !== undefined && c !== false))
  return e
}

function s(tag, props, ...children) {
  const e = document.createElementNS(SVG, tag)
  for (const [k, v] of Object.entries(props)) e.setAttribute(k, v)
  e.append(...children)
  return e
}

export const icon = name => s('svg', {class: 'i', viewBox: '0 0 24 24', 'aria-hidden': 'true'}, s('use', {href: '#i-' + name}))

/** How much is left, in the words and shapes of the comb. n is null when it is not known. */
export function level(n, capacity) {
  if (n === null || n === undefined || !capacity) return {name: 'unknown', word: 'not known', taken: 0}
  if (n <= 0) return {name: 'full', word: 'full', taken: 5}
  if (n < 10 && n < capacity / 2 || n / capacity < 0.12) return {name: 'few', word: 'few left', taken: 4}
  return {name: 'plenty', word: 'plenty', taken: Math.max(0, Math.min(3, Math.round((1 - n / capacity) * 5)))}
}

/** Five bays seen from above; as many are filled as are taken. */
export function comb(l) {
  const e = s('svg', {class: 'comb', viewBox: '-3 -5 98 41', 'aria-hidden': 'true'})
  if (l.name === 'unknown') {
    e.append(s('path', {class: 'b', 'stroke-dasharray': '5 4', 'stroke-width': '3', d: 'M1 2V34H91V2M19 2v32M37 2v32M55 2v32M73 2v32'}))
    return e
  }
  for (let i = 0; i < l.taken; i++) e.append(s('rect', {class: 'c', x: 5 + 18 * i, y: 4, width: 10, height: 24, rx: 2}))
  e.append(s('path', {class: 'b', 'stroke-width': '3.4', d: 'M1.7 0V34H90.3V0M19 0v34M37 0v34M55 0v34M73 0v34'}))
  if (l.name === 'full') e.append(s('path', {class: 'b', 'stroke-width': '4.5', d: 'M-2 -2H94'}))
  return e
}

/** Number, comb and word. The word may be for screen readers only. */
export function availability(n, capacity, {word = false} = {}) {
  const l = level(n, capacity)
  const known = l.name !== 'unknown'
  return h('span', {class: 'av ' + l.name},
    h('span', {class: 'n', 'aria-hidden': known ? null : 'true'}, known ? count(n) : '–'),
    comb(l), h('span', {class: word ? 'w' : 'sr'}, l.word))
}

/** A count of fixed width whose new figure slides in. */
export const count = n => h('span', {class: 'count', style: {'--ch': String(n).length + 'ch'}}, h('i', {}, String(n)))

/** A notice: shape, word and colour. */
export function note(kind, iconName, title, ...text) {
  return h('div', {class: 'note ' + kind, role: kind === 'wrong' ? 'alert' : null},
    icon(iconName), h('p', {class: 'h'}, title), ...text.filter(Boolean).map(t => t instanceof Node ? t : h('p', {class: 'small'}, t)))
}

/** The still shape of a list that is on its way; after four seconds it says so. */
export function ghosts(rows, what) {
  const e = h('div', {class: 'ghosts', 'aria-busy': 'true'})
  const show = setTimeout(() => e.append(...Array.from({length: rows}, () =>
    h('div', {class: 'item'}, h('span', {class: 'ghost big'}), h('span', {class: 'ghost'}), h('span', {class: 'ghost short'})))), 300)
  const say = setTimeout(() => e.append(h('p', {class: 'pad muted'}, what)), 4000)
  e.stop = () => { clearTimeout(show); clearTimeout(say) }
  return e
}

let saidAt = 0
let saying
/** Tells screen readers, at most every 30 seconds unless it matters now. */
export function say(text, now = false) {
  clearTimeout(saying)
  const wait = now ? 0 : Math.max(0, saidAt + 30_000 - Date.now())
  saying = setTimeout(() => { saidAt = Date.now(); document.getElementById('said').textContent = text }, wait)
}
