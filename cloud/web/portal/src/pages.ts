// Which component a page is. Each is a file of its own that is loaded when it is
// gone to; the first page comes with the app.
import type {Component} from 'svelte'
import type {Route} from './route.ts'

export interface PageProps { route: Route; settitle: (title: string) => void }
export interface Page { component: Component<PageProps> }

const pages: Record<Route['name'], () => Promise<{default: Component<PageProps>}>> = {
  find: () => import('./find/Find.svelte'),
  parking: () => import('./parking/Parking.svelte'),
  checkout: () => import('./checkout/Checkout.svelte'),
  booking: () => import('./booking/Booking.svelte'),
  receipt: () => import('./booking/Receipt.svelte'),
  bookings: () => import('./booking/Bookings.svelte'),
  login: () => import('./account/Login.svelte'),
  signup: () => import('./account/SignUp.svelte'),
  verify: () => import('./account/Verify.svelte'),
  forgot: () => import('./account/Forgot.svelte'),
  reset: () => import('./account/Reset.svelte'),
  account: () => import('./account/Account.svelte'),
  settings: () => import('./shell/Settings.svelte'),
  unknown: () => import('./shell/Unknown.svelte'),
}

export const load = async (name: Route['name']): Promise<Page> => ({component: (await pages[name]()).default})
