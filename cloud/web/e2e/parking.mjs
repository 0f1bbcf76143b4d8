// A parking's page with what its owner tells of it: photos and a plan that are drawn anew,
// facts, how full it usually is; and the driver's pages with text at twice its size.
import {createHmac} from 'node:crypto'
import {accessible, check, chrome, cloud, feature, link, look, page, run, test, until, widthAt200} from './lib.mjs'

/** The code of an authenticator (RFC 6238). */
function code(secret) {
  const bits = [...secret].map(c => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('')
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)))
  const sum = createHmac('sha1', Buffer.from(bits.match(/.{8}/g).map(b => parseInt(b, 2)))).update(counter).digest()
  return String((sum.readUInt32BE(sum[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

/** An owner with a second factor: asks the API with his cookie. */
async function owner(c) {
  let cookie = ''
  const ask = async (method, path, body) => {
    const form = body instanceof FormData
    const r = await fetch(c.base + path, {method, headers: {...(cookie && {Cookie: cookie}), ...(body && !form && {'Content-Type': 'application/json'})}, body: form ? body : body && JSON.stringify(body)})
    for (const x of r.headers.getSetCookie()) cookie = x.split(';')[0]
    const text = await r.text()
    if (!r.ok) throw new Error(`${method} ${path}: ${r.status} ${text}`)
    return text ? JSON.parse(text) : null
  }
  const email = 'olga@posteo.example', password = 'parken mit Lust 7'
  await ask('POST', '/users', {email})
  const token = /token=([a-z2-7]+)/.exec(await link(c.base, email, /#\/verify\?token=[a-z2-7]+/))[1]
  await ask('POST', '/users/verify', {token, password})
  await run('openlot', ['admin', 'user', '--data-dir', c.dir, email, '--role', 'owner', '--operator', 'Demo operator'])
  await ask('POST', '/login', {email, password})
  const {secret} = await ask('POST', '/me/totp')
  await ask('POST', '/me/totp/confirm', {code: code(secret)})
  return ask
}

/** Pictures as somebody might send them, drawn by the browser: a ramp, a hall, a plan. */
async function drawn() {
  const p = await (await chrome()).newPage()
  const all = await p.evaluate(async () => {
    const draw = (w, h, type, f) => new Promise(ok => {
      const c = document.createElement('canvas')
      c.width = w
      c.height = h
      f(c.getContext('2d'), w, h)
      c.toBlob(async b => ok([...new Uint8Array(await b.arrayBuffer())]), type, 0.9)
    })
    const hall = (sky, floor) => (x, w, h) => {
      x.fillStyle = sky; x.fillRect(0, 0, w, h)
      x.fillStyle = floor; x.fillRect(0, h * 0.55, w, h)
      x.strokeStyle = '#fff'; x.lineWidth = w / 90
      for (let i = -6; i < 7; i++) { x.beginPath(); x.moveTo(w / 2 + i * w / 16, h * 0.55); x.lineTo(w / 2 + i * w / 4, h); x.stroke() }
    }
    const plan = (x, w, h) => {
      x.strokeStyle = '#131c26'; x.lineWidth = 6; x.font = '600 40px sans-serif'; x.fillStyle = '#131c26'
      for (const y of [60, 560]) for (let i = 0; i < 12; i++) { x.strokeRect(60 + i * 95, y, 95, 180); x.fillText(String(i + (y > 100 ? 13 : 1)), 80 + i * 95, y + 100) }
      x.fillText('→ Ausfahrt', 500, 420)
    }
    return {entrance: await draw(1600, 1200, 'image/jpeg', hall('#9db4c8', '#4a525b')), hall: await draw(1200, 1600, 'image/webp', hall('#d8d2c4', '#6b6e72')), plan: await draw(1260, 800, 'image/png', plan)}
  })
  await p.close()
  return all
}

async function send(ask, kind, bytes, de, en) {
  const form = new FormData()
  form.append('kind', kind)
  form.append('alt', JSON.stringify({de, en}))
  form.append('picture', new Blob([new Uint8Array(bytes)]), 'picture')
  return (await ask('POST', '/owner/parkings/altmarkt/pictures', form)).picture
}

/** Weekdays fill by nine and empty by seven; at night nothing is known. */
const usual = {timezone: 'Europe/Berlin', weeks: 8, days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'].map((weekday, d) => ({weekday, hours: Array.from({length: 24}, (_, h) => (h === 3 ? null : Math.round((d > 4 ? 25 : 20) + (d > 4 ? 20 : 62) * Math.exp(-(((h - 13) / 4.5) ** 2)))))}))}

/** Who reserves is told how high a vehicle may be, before he pays. */
async function height(c) {
  for (const [size, theme, language] of [['phone', 'light', 'de'], ['desktop', 'dark', 'en']]) {
    const name = `checkout-height-${size}-${theme}`
    const p = await page(name, {size, timezoneId: 'Europe/Berlin'})
    await p.addInitScript(([t, l]) => localStorage.setItem('openlot.prefs', JSON.stringify({language: l, theme: t, hours: '24'})), [theme, language])
    await p.goto(`${c.base}/#/p/altmarkt/reserve?type=standard`)
    await p.getByText(language === 'de' ? 'Nur für Fahrzeuge unter 2,00 m Höhe' : 'Only for vehicles under 2.00 m high').waitFor()
    await p.locator('.card-fields').waitFor()
    await accessible(p, name)
    await look(p, name)
  }
}

await test('parking', async () => {
  const c = await cloud([feature('altmarkt', 'Altmarkt', [51.0504, 13.7373], 585, {kind: 'underground'}), feature('bare', 'Hinterhof', [51.0478, 13.7441], 4)])
  const ask = await owner(c), files = await drawn()
  const first = await send(ask, 'photo', files.entrance, 'Die Einfahrt an der Wilsdruffer Straße', 'The entrance in Wilsdruffer Straße')
  check(first.large.width === 1280 && first.large.height === 960 && first.small.width === 480, `the photo is kept as ${JSON.stringify(first)}`)
  await send(ask, 'photo', files.hall, 'Ebene 1 mit breiten Plätzen', 'Level 1 with wide spaces')
  await send(ask, 'plan', files.plan, 'Plan der Ebene 1: 24 Plätze, die Ausfahrt in der Mitte rechts', 'Plan of level 1: 24 spaces, the exit in the middle on the right')
  const {version} = await ask('GET', '/owner/parkings/altmarkt/config')
  await ask('PATCH', '/owner/parkings/altmarkt/policy', {version, changes: {facts: {max_height_cm: 200, entrance: {address: 'Wilsdruffer Straße 3', latitude: 51.0501, longitude: 13.7379}, on_foot: {de: 'Treppe und Aufzug zum Altmarkt', en: 'Stairs and lift to Altmarkt'}, features: ['lit', 'covered', 'charging', 'lift'], staffed: {de: 'Mo–Sa 8 bis 20 Uhr'}, phone: '+49 351 4567890'}}})

  await height(c)

  for (const [size, theme, language] of [['phone', 'light', 'en'], ['phone', 'dark', 'de'], ['desktop', 'light', 'de'], ['desktop', 'dark', 'en']]) {
    const name = `parking-${size}-${theme}`
    const p = await page(name, {size, timezoneId: 'Europe/Berlin'})
    await p.addInitScript(([t, l]) => localStorage.setItem('openlot.prefs', JSON.stringify({language: l, theme: t, hours: '24'})), [theme, language])
    await p.route('**/parkings/altmarkt/usual', r => r.fulfill({json: usual}))
    await p.goto(`${c.base}/#/p/altmarkt`)
    await p.locator('.photos img').first().waitFor()
    await p.locator('.kerb .bar').first().waitFor()
    check(await p.locator('.photos button').count() === 2 && await p.locator('.ownplan button').count() === 1, `${name}: not two photos and a plan`)
    check(await p.locator('.photos img').evaluateAll(all => all.every(i => i.getAttribute('loading') === 'lazy' && i.getAttribute('width') && i.getAttribute('height'))), `${name}: a picture that makes the page jump`)
    check(await p.getByText(language === 'de' ? 'Unter 2,00 m hoch' : 'Under 2.00 m high').count() === 1, `${name}: no height`)
    check(await p.locator('.facts [lang=de]').count() === (language === 'en' ? 1 : 0), `${name}: what is there in German alone does not say so`)
    await p.evaluate(() => { for (const i of document.querySelectorAll('.photos img, .ownplan img')) i.scrollIntoView() })
    await until(`${name}: the pictures`, () => p.locator('.photos img, .ownplan img').evaluateAll(all => all.every(i => i.complete && i.naturalWidth > 0)))
    await p.locator('.photos img, .ownplan img').evaluateAll(all => Promise.all(all.map(i => i.decode()))) // loaded is not yet drawn
    await p.evaluate(() => scrollTo(0, 0))
    await accessible(p, name)
    await look(p, name)
    // Large, by the keyboard: in, to the next, out, and back to where one was.
    const button = p.locator('.photos button').first()
    await button.focus()
    await p.keyboard.press('Enter')
    await p.locator('dialog.large img').waitFor()
    const large = () => p.locator('dialog.large img').getAttribute('src')
    check(await large() === first.large.url, `${name}: not the picture that was pressed`)
    await accessible(p, `${name}-large`)
    await look(p, `${name}-large`)
    await p.keyboard.press('ArrowRight')
    await until('the next picture', async () => await large() !== first.large.url)
    await p.keyboard.press('Escape')
    await until('the dialog is closed', async () => !(await p.locator('dialog.large').isVisible()))
    check(await button.evaluate(b => b === document.activeElement), `${name}: the focus is not where it was`)
    await p.locator('.usualtable summary').click()
    check(await p.locator('.usualtable tbody tr').count() > 0, `${name}: no table of what is usual`)
    await p.context().close()
  }

  // Without any there is nothing, and nothing missing.
  const b = await page('bare', {size: 'phone'})
  await b.goto(`${c.base}/#/p/bare`)
  await b.locator('.two').waitFor()
  check(await b.locator('.photos, .ownplan, .facts, .kerb .bar').count() === 0, 'a bare parking shows something that nobody told')
  await look(b, 'parking-bare-phone')
  await b.context().close()

  // Text at twice its size, in the longer language.
  const t = await page('text at 200 %', {size: 'phone', expected: ['status of 401']})
  await t.addInitScript(() => localStorage.setItem('openlot.prefs', JSON.stringify({language: 'de', theme: 'light', hours: '24'})))
  await t.route('**/parkings/altmarkt/usual', r => r.fulfill({json: usual}))
  for (const [hash, there] of [['#/p/altmarkt', '.photos img'], ['#/p/altmarkt/reserve?type=standard', '[name=email]'], ['#/bookings', '.booked li'], ['#/login', 'form'], ['#/signup', 'form']]) {
    await t.goto(`${c.base}/${hash}`)
    await t.locator(`main ${there}`).first().waitFor()
    await widthAt200(t, `text-200-${hash.replace(/\W+/g, '-')}`)
    if (there === '[name=email]') { // so that the bookings have one
      await t.locator('[name=email]').fill('erika@posteo.example')
      await t.locator('button[type=submit]').click()
      await t.locator('.pass .ink').waitFor()
    }
  }
})
