// Where one is. Addresses live behind the #, so that the app is plain files.

export const tabs = {
  money: ['accounts', 'ledger', 'payouts', 'receivables', 'shifts', 'closings'],
  config: ['spaces', 'hours', 'tariff', 'lanes', 'kiosks', 'facts', 'rules', 'shops', 'history'],
} as const
export type MoneyTab = (typeof tabs.money)[number]
export type ConfigTab = (typeof tabs.config)[number]

export type Route =
  | {name: 'now'; id: string}
  | {name: 'trends'; id: string; from: string; to: string}
  | {name: 'reservations'; q: string}
  | {name: 'reservation'; id: string; of: string}
  | {name: 'sessions'; q: string}
  | {name: 'incidents'}
  | {name: 'incident'; id: string; of: string}
  | {name: 'money'; tab: MoneyTab}
  | {name: 'config'; id: string; tab: ConfigTab}
  | {name: 'edges'}
  | {name: 'commands'}
  | {name: 'team'}
  | {name: 'join'; token: string}
  | {name: 'settings'}
  | {name: 'unknown'}

const one = <T extends string>(of: readonly T[], text: string | undefined): T | null =>
  text === undefined ? (of[0] ?? null) : (of.find(x => x === text) ?? null)

/** Reads an address; what cannot be read is unknown. */
export function parse(hash: string): Route {
  const [path = '', tail = ''] = hash.replace(/^#/, '').split('?')
  const params = new URLSearchParams(tail)
  const said = (name: string) => params.get(name) ?? ''
  let parts: string[]
  try {
    parts = path.split('/').filter(Boolean).map(decodeURIComponent)
  } catch {
    return {name: 'unknown'}
  }
  const [first, second, third, more] = parts
  if (more !== undefined) return {name: 'unknown'}
  switch (first) {
    case undefined: return {name: 'now', id: ''}
    case 'now': if (third === undefined) return {name: 'now', id: second ?? ''}; break
    case 'trends': if (third === undefined) return {name: 'trends', id: second ?? '', from: said('from'), to: said('to')}; break
    case 'reservations': case 'incidents':
      if (third !== undefined) return {name: first === 'incidents' ? 'incident' : 'reservation', id: second ?? '', of: third}
      if (second === undefined) return first === 'incidents' ? {name: first} : {name: first, q: said('q')}
      break
    case 'sessions': if (second === undefined) return {name: first, q: said('q')}; break
    case 'money': {
      const tab = one(tabs.money, second)
      if (tab && third === undefined) return {name: 'money', tab}
      break
    }
    case 'config': {
      const tab = one(tabs.config, third)
      if (tab) return {name: 'config', id: second ?? '', tab}
      break
    }
    case 'edges': case 'commands': case 'team': case 'settings': if (second === undefined) return {name: first}; break
    case 'join': if (second === undefined) return {name: 'join', token: said('token')}; break
  }
  return {name: 'unknown'}
}

const enc = encodeURIComponent
const asked = (params: Record<string, string>): string => {
  const q = new URLSearchParams(Object.entries(params).filter(([, v]) => v !== '')).toString()
  return q ? `?${q}` : ''
}

/** Addresses of the pages. */
export const to = {
  now: (id = '') => (id ? `#/now/${enc(id)}` : '#/'),
  trends: (id: string, from = '', until = '') => `#/trends/${enc(id)}${asked({from, to: until})}`,
  reservations: (q = '') => `#/reservations${asked({q})}`,
  reservation: (id: string, of: string) => `#/reservations/${enc(id)}/${enc(of)}`,
  sessions: (q = '') => `#/sessions${asked({q})}`,
  incidents: '#/incidents',
  incident: (id: string, of: string) => `#/incidents/${enc(id)}/${enc(of)}`,
  money: (tab: MoneyTab = 'accounts') => (tab === 'accounts' ? '#/money' : `#/money/${tab}`),
  config: (id: string, tab: ConfigTab = 'spaces') => `#/config/${enc(id)}/${tab}`,
  edges: '#/edges', commands: '#/commands', team: '#/team', settings: '#/settings',
}

/** Which entry of the navigation a page belongs to. */
export const section = (r: Route): string =>
  ({reservation: 'reservations', sessions: 'reservations', incident: 'incidents', commands: 'edges', join: 'team'} as Record<string, string>)[r.name] ?? r.name
