// Which component a page is. Each is a file of its own that is loaded when it is gone to.
import type {Component} from 'svelte'
import type {Route} from './route.ts'

export interface PageProps { route: Route; settitle: (title: string) => void }
export interface Page { component: Component<PageProps> }

type Inside = Exclude<Route['name'], 'join'>

const pages: Record<Inside, () => Promise<{default: Component<PageProps>}>> = {
  now: () => import('./now/Now.svelte'),
  trends: () => import('./trends/Trends.svelte'),
  reservations: () => import('./stays/Reservations.svelte'),
  reservation: () => import('./stays/Reservation.svelte'),
  sessions: () => import('./stays/Sessions.svelte'),
  incidents: () => import('./incidents/Incidents.svelte'),
  incident: () => import('./incidents/Incident.svelte'),
  money: () => import('./money/Money.svelte'),
  config: () => import('./config/Config.svelte'),
  edges: () => import('./edges/Edges.svelte'),
  commands: () => import('./edges/Commands.svelte'),
  team: () => import('./team/Team.svelte'),
  settings: () => import('./shell/Settings.svelte'),
  unknown: () => import('./shell/Unknown.svelte'),
}

export const load = async (name: Inside): Promise<Page> => ({component: (await pages[name]()).default})
