// Keeps the portal on the device, and tells when a newer version has come.
let waiting = $state.raw<ServiceWorker | null>(null)

/** Whether a newer version is ready. */
export const isNewer = (): boolean => waiting !== null

/** Goes over to the newer version, when somebody says so. */
export function takeOver(): void {
  navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), {once: true})
  waiting?.postMessage('take over')
}

const HOUR = 3_600_000

/** Registers the service worker, once the page has what it needs. */
export async function keepOnDevice(): Promise<void> {
  if (!('serviceWorker' in navigator) || import.meta.env.DEV) return
  try {
    const r = await navigator.serviceWorker.register(`${import.meta.env.BASE_URL}sw.js`, {scope: '/'})
    const look = (w: ServiceWorker | null) => {
      // Without a controller this is the first one, and nothing is old.
      if (w?.state === 'installed' && navigator.serviceWorker.controller) waiting = w
    }
    look(r.waiting)
    r.addEventListener('updatefound', () => {
      const w = r.installing
      w?.addEventListener('statechange', () => look(w))
    })
    let asked = Date.now()
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState !== 'visible' || Date.now() - asked < HOUR) return
      asked = Date.now()
      r.update().catch(() => { /* no network: another time */ })
    })
  } catch {
    // A private window, or a server that does not allow it: the portal works, only not offline.
  }
}
