// Find and a parking's page on a real cloud with some twenty car parks: the search, numbers
// that change while one looks, the line that is lost, the map, the keyboard, and the page
// that opens without a network.
import {readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {accessible, check, cloud, feature, focused, here, look, page, test, until, widthAt200, wrong} from './lib.mjs'
import {basemap} from './pmtiles.mjs'

const sample = JSON.parse(readFileSync(here('../../../scripts/sample/carparks.geojson'), 'utf8')).features
const more = [
  feature('small', 'Kleiner Hof', [51.0531, 13.7402], 2), feature('tiny', 'Hinterhof', [51.0478, 13.7441], 1), feature('an-der-frauenkirche', 'An der Frauenkirche', [51.0524, 13.7428], 120),
  feature('kongress', 'Kongresszentrum', [51.0589, 13.7302], 250, {city: 'Dresden'}), feature('world-trade', 'World Trade Center', [51.0497, 13.7229], 162, {kind: 'multi_storey'}),
  feature('johannstadt', 'Johannstadt', [51.0515, 13.7690], 80, {address: 'Pfotenhauerstraße 1, 01307 Dresden'}),
  feature('pirnaisch', 'Pirnaischer Platz', [51.0497, 13.7474], 60, {kind: 'surface'}), feature('bahnhof-nord', 'Bahnhof Nord', [51.0424, 13.7337], 300),
]

const iso = t => new Date(t).toISOString().replace(/\.\d+Z$/, 'Z')

/** Somebody else takes a space for all of the day. */
async function taken(base, id, hours = 9) {
  const from = Math.floor(Date.now() / 900_000) * 900_000
  const r = await fetch(`${base}/reserve`, {
    method: 'POST', headers: {'Content-Type': 'application/json', 'Idempotency-Key': crypto.randomUUID()},
    body: JSON.stringify({parking_id: id, space_type: 'standard', from: iso(from), to: iso(from + hours * 3_600_000), payment_method: 'pm_sandbox_ok', contact: {email: 'somebody@example.org'}}),
  })
  if (!r.ok) throw new Error(`reserve: ${r.status} ${await r.text()}`)
}

const theme = (p, theme, language = 'en') => p.addInitScript(([t, l]) => localStorage.setItem('openlot.prefs', JSON.stringify({language: l, theme: t, hours: '24'})), [theme, language])
const open = async (p, base, hash = '') => { await p.goto(`${base}/${hash}`); await p.locator(hash.startsWith('#/p/') ? '.two' : '.rows .item').first().waitFor() }
const row = (p, id) => p.locator(`.rows [data-id="${id}"]`)

await test('find', async () => {
  const c = await cloud([...sample, ...more])

  // What a first visit loads: scripts as they are sent, before anything is pressed.
  {
    const p = await page('first load', {size: 'phone'})
    const scripts = []
    p.on('requestfinished', r => { if (r.resourceType() === 'script') scripts.push(r) })
    await open(p, c.base)
    await p.locator('.pin').first().waitFor() // the map above the list is part of it
    let bytes = 0
    for (const r of scripts) bytes += (await r.sizes()).responseBodySize
    console.log(`first load: ${scripts.length} scripts, ${(bytes / 1000).toFixed(1)} kB as sent`)
    check(bytes > 10_000 && bytes < 150_000, `first load: ${bytes} bytes of script`)
    check(!scripts.some(r => /Tiles|maplibre/.test(r.url())), 'first load: a renderer of basemaps came without a basemap')
    await p.context().close()
  }

  // Searching, and numbers that move by themselves.
  {
    const p = await page('search', {size: 'desktop', timezoneId: 'Europe/Berlin'})
    await open(p, c.base)
    check(await p.locator('.rows .item').count() === 21, `search: ${await p.locator('.rows .item').count()} rows, not 21`)
    await p.fill('#q', 'frauenk')
    await until('the search narrows the list', async () => await p.locator('.rows .item').count() === 2)
    await p.fill('#q', 'kleiner hof')
    await until('one row', async () => await p.locator('.rows .item').count() === 1)
    check(await row(p, 'small').locator('.n').textContent() === '2', 'search: not 2 free at first')
    await taken(c.base, 'small')
    await until('the row shows what somebody else took', async () => await row(p, 'small').locator('.n').textContent() === '1')
    await taken(c.base, 'small')
    await until('the row is full', async () => (await row(p, 'small').getAttribute('class')).includes('isfull'))
    check((await row(p, 'small').textContent()).includes('full'), 'search: a full row does not say so')

    await p.fill('#q', 'nowhere at all')
    await p.getByText('Nothing matches “nowhere at all”').waitFor()
    await until('alternatives with numbers', async () => await p.locator('.rows .item').count() === 3)
    await accessible(p, 'find-empty')
    await look(p, 'find-empty-desktop')
    await p.getByRole('button', {name: 'Show all parkings'}).click()
    await until('all again', async () => await p.locator('.rows .item').count() === 21)

    // A kind of space that only one has.
    await p.getByRole('button', {name: 'Charging'}).click()
    await until('only those with chargers', async () => await p.locator('.rows .item').count() === 1)
    await p.getByRole('button', {name: 'Standard'}).click()
    await until('all again', async () => await p.locator('.rows .item').count() === 21)

    // The order is the one that is asked for, and stays.
    await p.locator('.sort select').selectOption('available')
    await until('the most free first', async () => await p.locator('.rows .item').first().getAttribute('data-id') === 'dresden-altmarkt')
    await until('nothing is asked for', async () => await p.locator('.rows.pending').count() === 0)
    const before = await p.locator('.rows .item').evaluateAll(all => all.map(a => a.dataset.id))
    await taken(c.base, 'tiny')
    await until('the last one is full', async () => (await row(p, 'tiny').getAttribute('class')).includes('isfull'))
    check(JSON.stringify(await p.locator('.rows .item').evaluateAll(all => all.map(a => a.dataset.id))) === JSON.stringify(before), 'search: rows moved by themselves')

    // The window by keys, by fields, over days.
    const grip = p.locator('.kerb [role=slider]').nth(1)
    await grip.focus()
    const end = Number(await grip.getAttribute('aria-valuenow'))
    await p.keyboard.press('PageUp')
    check(Number(await grip.getAttribute('aria-valuenow')) === end + 60, 'search: PageUp is not an hour')
    await p.getByRole('button', {name: 'Date, time'}).click()
    await p.getByRole('button', {name: 'A day longer'}).click()
    await p.getByRole('button', {name: 'A day longer'}).click()
    await until('two days more', async () => Number(await grip.getAttribute('aria-valuenow')) === end + 60 + 2 * 1440)
    await until('prices of those days', async () => (await row(p, 'dresden-altmarkt').locator('.pw').textContent()).includes('2 days'))
    await look(p, 'find-days-desktop')
    await accessible(p, 'find-days')

    // A date by the keyboard: what it could be on the way (a day that is past, a year 0002) changes nothing.
    const today = new Date(), m = today.getMonth() === 11 ? 1 : today.getMonth() + 2, two = String(m).padStart(2, '0')
    const year = today.getFullYear() + (m === 1 ? 1 : 0) // the day is the month's number, in whatever order the fields are
    const date = p.locator('.exact input[type=date]').first()
    await date.focus()
    await p.keyboard.type(`${two}${two}${year}`, {delay: 20})
    check(await date.inputValue() === `${year}-${two}-${two}`, `search: typed ${two}${two}${year}, and the field holds ${await date.inputValue()}`)
    await p.keyboard.press('Enter')
    const said = new Date(Date.UTC(year, m - 1, m)).toLocaleDateString('en-GB', {day: 'numeric', month: 'long'})
    await until(`the time is on ${said}`, async () => (await p.locator('.when .hd .fig').textContent()).includes(said))
    check(await date.inputValue() === `${year}-${two}-${two}`, 'search: Enter took the typed date away')

    // The line is lost, and comes back.
    await p.context().setOffline(true)
    await p.getByText('No connection since').waitFor()
    check(await p.locator('.rows.stale').count() === 1, 'offline: the rows do not look old')
    await accessible(p, 'find-offline')
    await look(p, 'find-offline-desktop')
    await p.context().setOffline(false)
    await until('the line is back', async () => await p.getByText('No connection since').count() === 0)
    await p.context().close()
    for (let i = wrong.length; i--;) if (/ERR_INTERNET_DISCONNECTED/.test(wrong[i])) wrong.splice(i, 1) // the browser's own word for what was done
  }

  // The map.
  {
    const p = await page('map', {size: 'desktop', timezoneId: 'Europe/Berlin', permissions: ['geolocation'], geolocation: {latitude: 51.0519, longitude: 13.7416}})
    await open(p, c.base)
    await p.locator('.pin').first().waitFor()
    check(await p.locator('.pin').evaluateAll(all => all.every(b => /\d|–|full/.test(b.textContent) && b.getAttribute('aria-label'))), 'map: a pin without number or name')
    await p.getByRole('button', {name: 'Nearest to me'}).click()
    await p.locator('.here').waitFor()
    await until('nearest first', async () => await p.locator('.rows .item').first().getAttribute('data-id') === 'an-der-frauenkirche')
    check((await row(p, 'an-der-frauenkirche').textContent()).includes('min walk'), 'map: no walk in the row')
    await p.locator('.nearby select').selectOption({label: 'at most 10 min on foot'})
    await until('only near ones', async () => { const n = await p.locator('.rows .item').count(); return n > 2 && n < 14 })
    const pin = p.getByRole('button', {name: /^Altmarkt, .* free for your time/})
    await pin.focus()
    await p.keyboard.press('Enter')
    await until('the row of the pin is chosen', async () => (await row(p, 'dresden-altmarkt').getAttribute('class')).includes('on'))
    check(await p.locator('.pin.on').count() === 1, 'map: not one chosen pin')
    await accessible(p, 'find-map')
    await look(p, 'find-map-desktop')
    const map = p.getByRole('application')
    await map.focus()
    for (const key of ['-', '-', '-', '-', '-', '-', 'ArrowLeft']) await p.keyboard.press(key)
    await p.locator('.pin.many').first().waitFor()
    check(/\d+ in \d+ parkings, .* together/.test(await p.locator('.pin.many').first().getAttribute('aria-label')), 'map: a cluster does not say what it counts')
    const clusters = await p.locator('.pin.many').count()
    await look(p, 'find-clusters-desktop')
    await p.locator('.pin.many').first().click()
    await until('nearer', async () => await p.locator('.pin.many').count() !== clusters || await p.locator('.pin:not(.many)').count() > 1)
    const box = await map.boundingBox()
    await p.mouse.move(box.x + 500, box.y + 600)
    await p.mouse.down()
    await p.mouse.move(box.x + 300, box.y + 500, {steps: 6})
    await p.mouse.up()
    await p.getByRole('button', {name: 'Search here'}).click()
    await until('the box says so', async () => await p.locator('#q').inputValue() === 'The middle of the map')
    await p.context().close()
  }

  // A place: a slip, a postcode, the keyboard alone, the address, what was chosen before.
  {
    const p = await page('place', {size: 'desktop', timezoneId: 'Europe/Berlin', expected: ['ERR_INTERNET_DISCONNECTED', 'status of 500']})
    await open(p, c.base)
    const q = p.locator('#q'), first = () => p.locator('.rows .item').first().getAttribute('data-id'), option = p.locator('.places li')
    await q.fill('Magdeburgr Strase')
    await option.filter({hasText: 'Magdeburger Str.'}).first().waitFor()
    check(await q.getAttribute('aria-expanded') === 'true' && await q.getAttribute('aria-controls') === await p.getByRole('listbox').getAttribute('id'), 'place: the box does not say that its list is open')
    check(await p.locator('.source').count() === 0, 'place: names a source that there is not')
    await accessible(p, 'find-places')
    await look(p, 'find-places-desktop')
    await q.press('ArrowDown')
    check(await p.locator(`#${await q.getAttribute('aria-activedescendant')}`).getAttribute('aria-selected') === 'true', 'place: no option is pointed at')
    await q.press('Enter')
    await until('around the street', async () => await first() === 'dresden-parkhaus-mitte' && await q.inputValue() === 'Magdeburger Str., Dresden')
    check(/near=51\.05\d+,13\.72\d+&place=Magdeburger/.test(p.url()), `place: the address is ${p.url()}`)
    check(await focused(p) !== 'BODY', 'place: the focus is lost')
    await p.locator('.here').getByText('Magdeburger').waitFor()
    check(await p.locator('.sort select').last().inputValue() === 'distance', 'place: not by the walk')
    await look(p, 'find-place-chosen-desktop')
    await accessible(p, 'find-place-chosen')

    // A postcode of an address; another place; and back.
    await q.fill('01307')
    await option.filter({hasText: '01307'}).waitFor()
    await q.press('Enter')
    await until('around the postcode', async () => await first() === 'johannstadt')
    await p.goBack()
    await until('back to the street', async () => await first() === 'dresden-parkhaus-mitte' && (await q.inputValue()).startsWith('Magdeburger'))
    await p.goBack()
    await until('back to anywhere', async () => await q.inputValue() === '' && !p.url().includes('near='))
    check(await p.locator('.here').count() === 0, 'place: the map still shows one')

    // By keys alone: what was chosen before, and its end.
    await p.evaluate(() => document.getElementById('main').focus())
    await p.keyboard.press('Tab')
    check(await p.evaluate(() => document.activeElement?.id) === 'q', 'place: the box is not the first in the page')
    check(await p.locator('.places').count() === 0, 'place: opens by itself when it has the focus')
    await p.keyboard.press('ArrowDown')
    await until('my position first, then the latest', async () => (await option.allTextContents()).map(t => t.trim().slice(0, 12)).join() === 'Use my posit,01307Postcod,Magdeburger ,Forget these')
    await look(p, 'find-places-recent-desktop')
    await accessible(p, 'find-places-recent')
    await p.keyboard.press('ArrowDown')
    await p.keyboard.press('Enter')
    await until('the latest again', async () => await first() === 'johannstadt')
    await p.keyboard.press('ArrowUp')
    await p.keyboard.press('Enter')
    await p.keyboard.press('Escape')
    await p.keyboard.press('ArrowDown')
    await until('forgotten', async () => await option.count() === 1)
    await p.keyboard.press('Escape')
    check(await p.locator('.places').count() === 0, 'place: Escape does not close')

    // Sent on: another device opens the same.
    const url = p.url(), other = await page('place elsewhere', {size: 'phone', timezoneId: 'Europe/Berlin'})
    await other.goto(url)
    await until('the same place elsewhere', async () => await other.locator('.rows .item').first().getAttribute('data-id') === 'johannstadt' && (await other.locator('#q').inputValue()).startsWith('01307'))
    await other.context().close()

    // Nothing called so; an answer that is none; no line.
    await q.fill('qqqqqq')
    await p.getByText('No place is called “qqqqqq”').first().waitFor()
    await look(p, 'find-places-none-desktop')
    await accessible(p, 'find-places-none')
    await p.route('**/places?*', r => r.fulfill({status: 500, body: '{}'}))
    await q.fill('aachen')
    await p.getByText('Places cannot be asked for now').waitFor()
    await p.unroute('**/places?*')
    await p.context().setOffline(true)
    await q.fill('aache')
    await p.getByText('Places cannot be asked for without a connection').waitFor()
    await look(p, 'find-places-offline-desktop')
    await accessible(p, 'find-places-offline')
    await p.context().setOffline(false)
    await q.fill('aachen')
    await option.filter({hasText: 'Aachen'}).first().waitFor()
    await p.context().close()
    for (let i = wrong.length; i--;) if (/ERR_INTERNET_DISCONNECTED|status of 500/.test(wrong[i])) wrong.splice(i, 1)
  }

  // On a phone: the map and the list at once, and the list scrolls over the map.
  {
    const p = await page('phone', {size: 'phone', timezoneId: 'Europe/Berlin', hasTouch: true})
    await open(p, c.base, '#/?near=51.0519,13.7416&place=Frauenkirche')
    await p.locator('.pin').first().waitFor()
    const at = async s => p.locator(s).first().boundingBox()
    const map = await at('.map'), list = await at('.rows .item'), box = await at('.search')
    check(map.y < 70 && map.height > 200 && list.y < 844, `phone: map at ${map.y} of ${map.height}, list at ${list.y}`)
    check(box.y > map.y && box.y + box.height < map.y + map.height, 'phone: the box is not over the map')
    await look(p, 'find-phone-both')
    await p.locator('.pin:not(.many)').first().press('Enter')
    await p.locator('.under .item').waitFor()
    check((await at('.under')).y < 844 && (await at('.rows .item')).y < 1000, 'phone: the chosen one is not under the map')
    await look(p, 'find-phone-pin')
    await accessible(p, 'find-phone-pin')
    await p.evaluate(() => scrollTo(0, 500))
    await until('the list is over the map, the box stays', async () => { const b = await at('.search'), l = await at('.side'); return b.y >= 0 && b.y < 40 && l.y < 200 })
    await p.locator('#q').tap()
    await p.locator('.places li').first().waitFor()
    await p.screenshot({path: here('../.artefacts/find-phone-scrolled.png')})
    await p.locator('#q').fill('prag')
    await p.keyboard.press('Escape')
    await p.getByRole('button', {name: 'Map', exact: true}).click()
    check((await at('.map')).height > 500, 'phone: the map alone is not large')
    await p.context().close()
  }
  {
    const p = await page('landscape', {size: 'landscape', timezoneId: 'Europe/Berlin'})
    await open(p, c.base)
    await p.locator('.pin').first().waitFor()
    const map = await p.locator('.map').boundingBox(), list = await p.locator('.side').boundingBox()
    check(map.x >= list.x + list.width - 2 && map.width > 300, 'landscape: map and list are not side by side')
    await look(p, 'find-landscape')
    await accessible(p, 'find-landscape')
    await p.context().close()
  }

  // At twice the size of text nothing is wider than a phone.
  for (const [hash, l] of [['', 'en'], ['#/?near=51.0519,13.7416&place=Frauenkirche', 'de']]) {
    const p = await page(`200 ${l}`, {size: 'phone', timezoneId: 'Europe/Berlin'})
    await theme(p, 'light', l)
    await open(p, c.base, hash)
    await p.locator('.pin').first().waitFor()
    await widthAt200(p, `find-200-${l}`, true)
    await p.locator('#q').click()
    await p.locator('.places li').first().waitFor()
    await look(p, `find-200-places-${l}`)
    await p.context().close()
  }

  // With a gazetteer: places without a parking, and whose they are.
  {
    const d = await cloud(sample, ['--places', here('../../internal/places/testdata/places.txt'), '--places', here('../../internal/places/testdata/postcodes.txt')])
    const p = await page('gazetteer', {size: 'desktop', timezoneId: 'Europe/Berlin'})
    await open(p, d.base)
    await p.locator('#q').fill('zwingr')
    await p.locator('.places li').filter({hasText: 'Zwinger'}).first().waitFor()
    await p.getByRole('link', {name: 'GeoNames, CC BY 4.0'}).waitFor()
    await look(p, 'find-places-gazetteer-desktop')
    await accessible(p, 'find-places-gazetteer')
    await p.locator('#q').press('Enter')
    await until('near the Zwinger', async () => ['dresden-haus-am-zwinger', 'dresden-semperoper'].includes(await p.locator('.rows .item').first().getAttribute('data-id')))
    await p.context().close()
  }

  // A parking.
  {
    const p = await page('parking', {size: 'desktop', timezoneId: 'Europe/Berlin'})
    await open(p, c.base, '#/p/an-der-frauenkirche')
    await p.locator('.cost .tot').first().waitFor()
    const mine = p.locator('.two .mine .count')
    check(await mine.textContent() === '120', `parking: ${await mine.textContent()} free, not 120`)
    await taken(c.base, 'an-der-frauenkirche')
    await until('one less for your time', async () => await mine.textContent() === '119')
    const price = await p.locator('.stickybar .price').textContent()
    const grip = p.locator('.kerb [role=slider]').nth(1)
    await grip.focus()
    for (let i = 0; i < 3; i++) await p.keyboard.press('PageUp')
    await until('another price', async () => { const t = await p.locator('.stickybar .price').textContent(); return t !== price && t !== '–' })
    await p.getByRole('link', {name: 'Reserve'}).waitFor()
    check((await p.getByRole('link', {name: 'Reserve'}).getAttribute('href')) === '#/p/an-der-frauenkirche/reserve?type=standard', 'parking: reserve leads elsewhere')
    await p.context().setOffline(true)
    await p.getByText('No connection since').waitFor()
    await look(p, 'parking-offline-desktop')
    await p.context().setOffline(false)
    await until('the line is back', async () => await p.getByText('No connection since').count() === 0)
    await p.goto(`${c.base}/#/p/there-is-none`)
    await p.getByRole('heading', {name: 'There is no such parking'}).waitFor()
    await p.goto(`${c.base}/#/p/aachen-parkplatz-uniklinik`)
    await p.getByText('Not for reservation').waitFor()
    await accessible(p, 'parking-not-sold')
    await p.goto(`${c.base}/#/p/small`)
    await p.getByText('Full then').waitFor()
    await look(p, 'parking-full-desktop')
    await accessible(p, 'parking-full')
    await p.context().close()
    for (let i = wrong.length; i--;) if (/ERR_INTERNET_DISCONNECTED|status of 404/.test(wrong[i])) wrong.splice(i, 1) // what was done here
  }

  // Without a network, from the home screen: the portal opens, and the pass that is kept.
  {
    const p = await page('home screen', {size: 'phone', expected: ['ERR_INTERNET_DISCONNECTED', 'ERR_FAILED']})
    await open(p, c.base)
    await until('the service worker keeps the portal', () => p.evaluate(async () => (await navigator.serviceWorker.getRegistration('/'))?.active?.state === 'activated' && navigator.serviceWorker.controller !== null))
    const kept = await p.evaluate(async () => (await Promise.all((await caches.keys()).map(async n => (await (await caches.open(n)).keys()).map(r => new URL(r.url).pathname)))).flat())
    check(kept.includes('/') && kept.every(k => k === '/' || k.startsWith('/portal/')), `home screen: keeps what it must not: ${kept}`)
    const manifest = await (await fetch(`${c.base}/portal/manifest.webmanifest`)).json()
    for (const i of manifest.icons) check((await fetch(c.base + i.src)).ok, `home screen: no icon ${i.src}`)
    await p.context().setOffline(true)
    await p.goto(`${c.base}/`)
    await p.getByText('No connection since').waitFor()
    await look(p, 'home-offline-phone')
    await p.goto(`${c.base}/#/bookings`)
    await p.reload()
    await p.locator('main h1').waitFor()
    await p.goto(`${c.base}/#/r/res_01`)
    await p.reload()
    await p.locator('main h1, main h2').first().waitFor()
    await p.context().close()
  }

  // On a basemap, where one is configured; with WebGL it is drawn, and the page keeps to its policy.
  {
    const file = join(c.dir, 'city.pmtiles')
    writeFileSync(file, basemap())
    const d = await cloud(sample, ['--basemap', file])
    const parts = []
    const p = await page('basemap', {size: 'desktop', timezoneId: 'Europe/Berlin', expected: ['GPU stall due to ReadPixels']})
    p.on('response', r => { if (r.url().endsWith('/basemap.pmtiles')) parts.push(r.status()) })
    await open(p, d.base)
    await p.locator('.tiles canvas').waitFor()
    await until('tiles are read in parts', () => parts.length >= 2)
    check(parts.every(s => s === 206), `basemap: answered ${parts}`)
    // The share of what is as blue as the river: there is no water on the ground of our own.
    const blue = async () => {
      const shot = (await p.locator('.map').screenshot()).toString('base64')
      return p.evaluate(async png => {
        const picture = new Image()
        picture.src = `data:image/png;base64,${png}`
        await picture.decode()
        const pen = Object.assign(document.createElement('canvas'), {width: picture.width, height: picture.height}).getContext('2d')
        pen.drawImage(picture, 0, 0)
        const {data} = pen.getImageData(0, 0, picture.width, picture.height)
        let n = 0
        for (let i = 0; i < data.length; i += 4) if (data[i + 2] - data[i] > 25 && data[i] > 150) n++
        return n / (data.length / 4)
      }, shot)
    }
    await until('the river is drawn', async () => await blue() > 0.03, 60_000)
    check(await p.locator('.pin').count() > 3, 'basemap: no pins on it')
    await look(p, 'find-basemap-desktop')
    await p.context().close()
  }

  // In all sizes and colours.
  for (const [size, t, l] of [['phone', 'light', 'en'], ['phone', 'dark', 'de'], ['tablet', 'light', 'de'], ['desktop', 'light', 'en'], ['desktop', 'dark', 'de'], ['desktop', 'contrast', 'en'], ['phone', 'contrast', 'de']]) {
    const name = `${size}-${t}-${l}`
    const p = await page(`find-${name}`, {size, timezoneId: 'Europe/Berlin'})
    await theme(p, t, l)
    await open(p, c.base)
    if (size === 'phone') {
      await look(p, `find-${name}`)
      await accessible(p, `find-${name}`)
      await p.locator('.tomap').click()
    }
    await p.locator('.pin').first().waitFor()
    await look(p, `find-${size === 'phone' ? 'map-' : ''}${name}`)
    await accessible(p, `find-map-${name}`)
    await open(p, c.base, '#/p/dresden-parkhaus-mitte')
    await p.locator('.cost .tot').first().waitFor()
    await look(p, `parking-${name}`)
    await accessible(p, `parking-${name}`)
    await p.context().close()
  }
})
