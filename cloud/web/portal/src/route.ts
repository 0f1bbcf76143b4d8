// Where one is. Addresses live behind the #, so that the app is plain files that
// any server can hold, and so that the tokens in them never reach a log.

export type Route =
  | {name: 'find'}
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
  if (first === undefined) return {name: 'find'}
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

const enc = encodeURIComponent

/** Addresses of the pages. */
export const to = {
  find: '#/',
  parking: (id: string) => `#/p/${enc(id)}`,
  checkout: (id: string, type: string) => `#/p/${enc(id)}/reserve?type=${enc(type)}`,
  booking: (id: string) => `#/r/${enc(id)}`,
  receipt: (id: string) => `#/r/${enc(id)}/receipt`,
  bookings: '#/bookings', signup: '#/signup', forgot: '#/forgot', account: '#/account', settings: '#/settings',
  login: (then = '') => `#/login${then ? `?then=${enc(then)}` : ''}`,
}
