// The portal on another host than the API, as on a CDN: plain files, a policy and headers as
// DESIGN.md says, the API told of the origin. And prices in a second currency.
import {createServer} from 'node:http'
import {readFileSync, writeFileSync} from 'node:fs'
import {extname, join} from 'node:path'
import {accessible, check, cloud, feature, freePort, here, look, page, test, until} from './lib.mjs'

const dist = here('../../internal/web/dist/')
const types = {'.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.woff2': 'font/woff2', '.svg': 'image/svg+xml', '.png': 'image/png', '.json': 'application/json', '.webmanifest': 'application/manifest+json'}

/** What a CDN does: files, their types, how long they are kept, and the page's policy. */
function files(port, api) {
  const policy = `default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' ${api} data:; font-src 'self'; connect-src 'self' ${api}; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
  const index = readFileSync(join(dist, 'portal/index.html'), 'utf8').replace('name="openlot-api" content=""', `name="openlot-api" content="${api}"`)
  if (!index.includes(api)) throw new Error('the page has no place for the address of the API')
  const s = createServer((q, a) => {
    const {pathname} = new URL(q.url, 'http://x')
    const at = pathname === '/' || pathname === '/portal/index.html' ? null : join(dist, pathname)
    let body
    try {
      if (at && !at.startsWith(dist)) throw new Error('outside')
      body = at ? readFileSync(at) : index
    } catch {
      const font = pathname.startsWith('/assets/') ? join(here('../../internal/web/'), pathname) : ''
      try { body = readFileSync(font) } catch { a.writeHead(404).end(); return }
    }
    a.writeHead(200, {
      'Content-Type': types[extname(pathname) || '.html'] ?? 'application/octet-stream', 'Content-Security-Policy': policy, 'X-Content-Type-Options': 'nosniff',
      'Cache-Control': pathname.startsWith('/portal/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache', ...(pathname === '/portal/sw.js' && {'Service-Worker-Allowed': '/'}),
    }).end(body)
  })
  return new Promise(ok => s.listen(port, '127.0.0.1', () => ok(s)))
}

await test('elsewhere', async () => {
  const port = await freePort(), portal = `http://localhost:${port}`
  const rates = here('../.artefacts/rates.json')
  writeFileSync(rates, JSON.stringify({base: 'EUR', as_of: new Date().toISOString().slice(0, 10), rates: {USD: 1.25, JPY: 160, HUF: 400}}))
  const c = await cloud([feature('altmarkt', 'Altmarkt', [51.05, 13.738], 40)], ['--allowed-origins', portal, '--rates', rates])
  const s = await files(port, c.base)
  try {
    const p = await page('elsewhere', {size: 'desktop', timezoneId: 'Europe/Berlin'})
    const asked = new Set()
    p.on('request', r => asked.add(new URL(r.url()).origin))
    await p.goto(`${portal}/`)
    await p.getByRole('searchbox').fill('altm')
    const row = p.getByRole('main').locator('a.item')
    await row.getByText('Altmarkt').waitFor()
    await look(p, 'elsewhere-1-find')

    // Live: somebody else books over the API, and the number in the list goes down by itself.
    const free = async () => Number(/\d+/.exec(await row.locator('.av').innerText())?.[0])
    const before = await until('a number', free)
    const at = h => new Date(Math.ceil(Date.now() / 3_600_000) * 3_600_000 + h * 3_600_000).toISOString()
    for (let i = 0; i < 2; i++) {
      const made = await fetch(`${c.base}/reserve`, {method: 'POST', headers: {'Content-Type': 'application/json', 'Idempotency-Key': `elsewhere-key-of-${i}`}, body: JSON.stringify({parking_id: 'altmarkt', space_type: 'standard', from: at(0), to: at(12), payment_method: 'pm_sandbox_ok', contact: {email: 'other@posteo.example'}})})
      check(made.status === 201, `reserved by another: ${made.status} ${await made.text()}`)
    }
    await until('the list hears of it', async () => await free() === before - 2)

    // A second currency, about.
    await p.goto(`${portal}/#/settings`)
    await p.getByLabel('Second currency').selectOption('USD')
    await look(p, 'elsewhere-2-settings')
    await accessible(p, 'elsewhere-2-settings')
    await p.goto(`${portal}/#/`)
    await row.getByText(/about US\$/).waitFor()
    await row.click()
    await p.getByText(/About US\$[\d.]+, by the rates of .* €[\d.]+ is charged\./).waitFor()
    await look(p, 'elsewhere-3-parking')
    await accessible(p, 'elsewhere-3-parking')

    // As a guest to the pass.
    await p.getByRole('link', {name: 'Reserve'}).click()
    await p.getByLabel('E-mail for pass and receipt').fill('jana.richter@posteo.example')
    await p.getByText(/About US\$/).waitFor()
    await look(p, 'elsewhere-4-checkout')
    await p.getByRole('button', {name: /^Hold/}).click()
    await p.getByRole('group', {name: 'Your pass'}).waitFor()
    await look(p, 'elsewhere-5-pass')
    await accessible(p, 'elsewhere-5-pass')
    check([...asked].sort().join() === [c.base, portal].sort().join(), `the page asked ${[...asked].join(', ')}`)
    check(await p.evaluate(async () => Boolean(await navigator.serviceWorker?.getRegistration())), 'no service worker')

    // The booking's page is told of a change that is made elsewhere.
    const [id, token] = await p.evaluate(() => { const b = JSON.parse(localStorage['openlot.bookings'])[0]; return [b.id, b.token] })
    const gone = await fetch(`${c.base}/reservations/${id}/cancel`, {method: 'POST', headers: {Authorization: `Bearer ${token}`}})
    check(gone.ok, `cancelled: ${gone.status}`)
    await p.getByText('You gave this space up').waitFor()
    await p.context().close()

    // A page of an origin that is not named gets nothing.
    const q = await page('elsewhere stranger', {expected: ['CORS', 'ERR_FAILED', 'Failed to load']})
    const other = await files(await freePort(), c.base)
    try {
      await q.goto(`http://localhost:${other.address().port}/`)
      check(await q.evaluate(base => fetch(`${base}/parkings`).then(() => 'read', () => 'refused'), c.base) === 'refused', 'a page of another origin reads the API')
    } finally { other.close() }
    await q.context().close()
  } finally { s.close(); s.closeAllConnections() }
})
