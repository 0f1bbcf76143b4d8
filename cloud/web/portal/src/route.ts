// Where one is. Addresses live behind the #, so that the app is plain files that
// any server can hold, and so that the tokens in them never reach a log.

export type Route =
  | {name: 'find'; /** A place to be near, "lat,lon". */ near?: string; /** What that is called. */ place?: string}
  | {name: 'parking'; id: string}
  | {name: 'checkout'; id: string; type: string}
  | {name: 'booking'; id: string; token: string}
  | {name: 'receipt'; id: string}
  | {name: 'bookings'}
  | {name: 'login'; then: string}
  | {name: 'signup'}
  | {name: 'verify'; token: string}
  | {name: 'forgot'}
  | {name: 'reset'; token: string}
  | {name: 'account'}
  | {name: 'settings'}
  | {name: 'unknown'}

/** Reads an address; what cannot be read is unknown. */
export function parse(hash: string): Route {
  const [path = '', tail = ''] = hash.replace(/^#/, '').split('?')
  const params = new URLSearchParams(tail)
  let parts: string[]
  try {
    parts = path.split('/').filter(Boolean).map(decodeURIComponent)
  } catch {
    return {name: 'unknown'}
  }
  const [first, id, third, more] = parts
  if (first === undefined) return found(params.get('near') ?? '', params.get('place') ?? '')
  if (more !== undefined) return {name: 'unknown'}
  if (first === 'p' && id !== undefined) {
    if (third === undefined) return {name: 'parking', id}
    if (third === 'reserve') return {name: 'checkout', id, type: params.get('type') ?? ''}
    return {name: 'unknown'}
  }
  if (first === 'r' && id !== undefined) {
    if (third === undefined) return {name: 'booking', id, token: params.get('token') ?? ''}
    if (third === 'receipt') return {name: 'receipt', id}
    return {name: 'unknown'}
  }
  if (id !== undefined) return {name: 'unknown'}
  switch (first) {
    case 'bookings': case 'signup': case 'forgot': case 'account': case 'settings': return {name: first}
    case 'login': return {name: 'login', then: params.get('then') ?? ''}
    case 'verify': case 'reset': return {name: first, token: params.get('token') ?? ''}
  }
  return {name: 'unknown'}
}

/** The search, around a place if the address has one that is on the earth. */
function found(near: string, place: string): Route {
  const m = /^(-?\d{1,2}(?:\.\d{1,6})?),(-?\d{1,3}(?:\.\d{1,6})?)$/.exec(near)
  if (!m || Math.abs(Number(m[1])) > 90 || Math.abs(Number(m[2])) > 180) return {name: 'find'}
  return {name: 'find', near, place: place.slice(0, 120)}
}

const enc = encodeURIComponent

/** Addresses of the pages. */
export const to = {
  find: '#/',
  around: (near: string, place: string) => `#/?near=${near}${place ? `&place=${enc(place)}` : ''}`,
  parking: (id: string) => `#/p/${enc(id)}`,
  checkout: (id: string, type: string) => `#/p/${enc(id)}/reserve?type=${enc(type)}`,
  booking: (id: string) => `#/r/${enc(id)}`,
  receipt: (id: string) => `#/r/${enc(id)}/receipt`,
  bookings: '#/bookings', signup: '#/signup', forgot: '#/forgot', account: '#/account', settings: '#/settings',
  login: (then = '') => `#/login${then ? `?then=${enc(then)}` : ''}`,
}
