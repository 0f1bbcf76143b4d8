// What the service worker does with a request. The API is none of its business.
export interface Asked { method: string; url: string }
export type How = 'page' | 'file' | 'leave'

/** The page comes from the network while there is one; built files never change; all else is left to the browser. */
export function how({method, url}: Asked, origin: string): How {
  if (method !== 'GET') return 'leave'
  const u = new URL(url)
  if (u.origin !== origin) return 'leave'
  if (u.pathname === '/' || u.pathname === '/portal/index.html') return 'page'
  return u.pathname.startsWith('/portal/') && u.pathname !== '/portal/sw.js' ? 'file' : 'leave'
}

/** The map's drawing of a basemap is large and needs a line anyway. */
export const kept = (file: string): boolean => !/maplibre|Tiles|\.(map|txt)$/i.test(file)
