// The portal on a real cloud, and what becomes of a page that is open while a newer version is put in its place.
import {createServer} from 'node:http'
import {accessible, check, cloud, feature, freePort, look, page, test, until} from './lib.mjs'

/** Stands in front of the cloud. Once `deployed` is set the service worker is that of another build. */
async function front(cloud) {
  const f = {deployed: false, base: `http://localhost:${await freePort()}`}
  const s = createServer(async (q, a) => {
    const got = await fetch(cloud + q.url, {headers: {Accept: q.headers.accept ?? '*/*'}, redirect: 'manual'}).catch(() => null)
    if (!got) return a.writeHead(502).end()
    let body = Buffer.from(await got.arrayBuffer())
    const headers = Object.fromEntries([...got.headers].filter(([k]) => !['content-encoding', 'content-length', 'transfer-encoding', 'connection'].includes(k)))
    if (q.url === '/portal/sw.js' && f.deployed) {
      const other = body.toString().replace(/("version":\s*")[^"]+/, '$1another')
      if (other === body.toString()) throw new Error('the service worker names no version')
      body = Buffer.from(other)
    }
    a.writeHead(got.status, headers).end(body)
  })
  await new Promise(ok => s.listen(new URL(f.base).port, '127.0.0.1', ok))
  f.close = () => { s.closeAllConnections(); s.close() }
  return f
}

await test('portal', async () => {
  const c = await cloud([feature('altmarkt', 'Altmarkt', [51.05, 13.738], 2)])
  for (const size of ['phone', 'tablet', 'desktop']) {
    const p = await page(`settings-${size}`, {size})
    await p.goto(`${c.base}/#/settings`)
    await p.getByRole('heading', {name: 'Language and look'}).waitFor()
    await look(p, `settings-${size}`)
    await accessible(p, `settings-${size}`)
    await p.emulateMedia({colorScheme: 'dark'})
    await until('it is dark', () => p.evaluate(() => document.documentElement.dataset.theme === 'dark'))
    await look(p, `settings-dark-${size}`)
    await accessible(p, `settings-dark-${size}`)
    await p.context().close()
  }

  // What the device reads of the page is in the page's language.
  {
    const p = await page('German', {size: 'phone', locale: 'de-DE'})
    await p.goto(`${c.base}/#/settings`)
    await p.getByRole('heading', {name: 'Sprache und Aussehen'}).waitFor()
    const manifest = () => p.evaluate(async () => (await fetch(document.querySelector('link[rel=manifest]').href)).json())
    check((await manifest()).shortcuts[0].name === 'Meine Buchungen', 'the manifest is not German')
    check((await p.locator('meta[name=description]').getAttribute('content')).startsWith('Parkhaus finden'), 'the description is not German')
    await p.getByLabel('English').check()
    await p.getByRole('heading', {name: 'Language and look'}).waitFor()
    check((await manifest()).shortcuts[0].name === 'My bookings', 'the manifest is not English')
    await p.context().close()
  }

  // A newer version: it is said, nothing is reloaded under anybody's hands, and it is loaded when somebody says so.
  const f = await front(c.base)
  try {
    const p = await page('update', {size: 'phone', expected: ['ERR_INTERNET_DISCONNECTED']})
    await p.goto(`${f.base}/#/settings`)
    await p.evaluate(() => navigator.serviceWorker.ready)
    await until('the worker has the page', () => p.evaluate(() => navigator.serviceWorker.controller !== null))
    await p.evaluate(() => { window.sameDocument = true })
    check(await p.getByText('A newer version of this page is here.').count() === 0, 'a first visit is told of a newer version')
    const kept = () => p.evaluate(() => caches.keys())
    const [before] = await kept()

    f.deployed = true
    await p.evaluate(async () => { await (await navigator.serviceWorker.getRegistration()).update() })
    await p.getByText('A newer version of this page is here.').waitFor()
    check(await p.evaluate(() => window.sameDocument === true), 'the page was reloaded though nobody asked for it')
    await look(p, 'portal-update')
    await accessible(p, 'portal-update')

    await p.getByRole('button', {name: 'Load it'}).click()
    await until('the page is loaded anew', () => p.evaluate(() => window.sameDocument === undefined))
    await p.getByRole('heading', {name: 'Language and look'}).waitFor()
    await until('the older files are gone', async () => { const now = await kept(); return now.length === 1 && now[0] !== before })
    check(await p.getByText('A newer version of this page is here.').count() === 0, 'the newer version is told of a newer one')

    await p.context().setOffline(true)
    await p.reload()
    await p.getByRole('heading', {name: 'Language and look'}).waitFor()
  } finally { f.close() }
})
