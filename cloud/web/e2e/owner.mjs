// The owner's dashboard on the real programs: cloud, edge, board and twin. An owner changes
// capacity, allotment and tariff while a driver looks on and a car stands at the gate; has a
// gate opened and finds it in the record; is refused what is unsafe. Every page is looked at.
import {createHmac} from 'node:crypto'
import {mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {accessible, check, freePort, look, page, start, test, until} from './lib.mjs'

const dir = mkdtempSync(join(tmpdir(), 'openlot-owner-'))
const refused = ['status of 401', 'status of 409', 'status of 422', 'ERR_INTERNET_DISCONNECTED']

/** The code of an authenticator (RFC 6238). One that was used is not good again: the next is waited for. */
let used = ''
async function code(secret) {
  for (;;) {
    const bits = [...secret].map(c => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('')
    const counter = Buffer.alloc(8)
    counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)))
    const sum = createHmac('sha1', Buffer.from(bits.match(/.{8}/g).map(b => parseInt(b, 2)))).update(counter).digest()
    const now = String((sum.readUInt32BE(sum[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0')
    if (now !== used) return (used = now)
    await new Promise(ok => setTimeout(ok, 30_000 - (Date.now() % 30_000) + 50))
  }
}

/** A car at a gate of the twin; it waits as long as it is told to. */
async function arrive(twin, gate, credential, plate, patience = 20_000) {
  const post = await fetch(`${twin}/gates/${gate}/vehicles`, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({credential, plate, patience_ms: patience})})
  return post.json()
}
async function finish(twin, v) {
  while (v.outcome === 'waiting') v = await (await fetch(`${twin}/vehicles/${v.id}?wait=30s`)).json()
  return v
}

await test('owner', async () => {
  const [http, admin, mqtt, edge, twinPort] = await Promise.all(Array.from({length: 5}, freePort))
  const stack = start('devstack', ['run', '--no-traffic', '--edges', '1', '--dir', dir, '--http', `127.0.0.1:${http}`, '--admin', `127.0.0.1:${admin}`, '--mqtt', `127.0.0.1:${mqtt}`, '--edge-port', `${edge}`, '--twin-port', `${twinPort}`])
  const base = `http://127.0.0.1:${http}`, twin = `http://127.0.0.1:${twinPort}`
  await until('everything runs', () => stack.said().includes('Openlot runs') || stack.process.exitCode !== null, 240_000)
  if (!stack.said().includes('Openlot runs')) throw new Error(stack.said())
  const where = /gate of (\S+)/.exec(stack.said())[1]
  const owner = JSON.parse(readFileSync(join(dir, 'demo-owner.json')))
  used = await code(owner.secret) // that of the first log-in, which made it

  // In, with the second factor.
  const p = await page('owner', {expected: refused, acceptDownloads: true})
  const see = async name => { await look(p, name); await accessible(p, name) }
  await p.goto(`${base}/owner/`)
  await p.getByLabel('E-mail').fill(owner.email)
  await p.getByLabel('Password').fill('not the password')
  await p.getByRole('button', {name: 'Sign in', exact: true}).click()
  await p.locator('.note.wrong').waitFor()
  await see('owner-login-desktop')
  await p.getByLabel('Password').fill(owner.password)
  await p.getByRole('button', {name: 'Sign in', exact: true}).click()
  await p.getByLabel('Code of your authenticator').fill(await code(owner.secret))
  await p.getByRole('button', {name: 'Sign in', exact: true}).click()

  // What is now.
  await p.goto(`${base}/owner/#/now/${where}`)
  await p.getByRole('article', {name: 'Entry 1'}).waitFor()
  await until('the lanes are known', async () => (await p.getByRole('img', {name: /Entry 1: down/}).count()) === 1)
  await see('owner-now-desktop')

  // A driver looks on.
  const d = await page('the driver', {size: 'phone', expected: ['status of 422']})
  await d.goto(`${base}/#/p/${where}`)
  const free = () => d.evaluate(async id => { const got = await (await fetch(`/parkings/${id}`, {headers: {Accept: 'application/json'}})).json(); return (got.parking ?? got).capacity }, where)
  await until('the driver sees the count', async () => (await d.getByRole('heading', {level: 1}).count()) > 0)
  const before = await free()

  // Capacity, with a preview; the driver's count follows.
  await p.goto(`${base}/owner/#/config/${where}/spaces`)
  const capacity = Number((await p.locator('table').first().locator('tbody tr').first().locator('td').first().innerText()).replace(/\D.*/s, ''))
  await p.getByLabel('How many from then on').fill(String(capacity - 7))
  await p.getByRole('button', {name: `Change to ${capacity - 7}`}).waitFor()
  check(await free() === before, 'a preview has changed what drivers see')
  await see('owner-spaces-desktop')
  await p.getByLabel('Why? For the history.').fill('seven bays are repainted')
  await p.getByRole('button', {name: `Change to ${capacity - 7}`}).click()
  await p.getByText('Changed.', {exact: true}).waitFor()
  await until('the driver sees seven fewer', async () => (await free()) === before - 7)

  // The allotment, by the rules; the edge takes it up.
  await p.goto(`${base}/owner/#/config/${where}/rules`)
  const share = p.getByLabel('Kept ready for walk-ins, of the spaces')
  await share.waitFor()
  const was = Number(await share.inputValue())
  await share.fill('200')
  await until('what is out of bounds is said', async () => (await p.locator('.rule .msg').count()) > 0)
  await share.fill(String(was + 5))
  await p.getByText('keep their terms').waitFor()
  await see('owner-rules-desktop')
  await p.getByRole('button', {name: 'Save 1 change'}).click()
  await p.getByText('Saved. What is sold keeps its terms.').waitFor()

  // The tariff: a draft, checked and replayed, then in force; a quote afterwards has it.
  const quote = () => d.evaluate(async id => {
    const from = new Date(Math.ceil(Date.now() / 900_000) * 900_000 + 86_400_000), body = {parking_id: id, space_type: 'standard', from: from.toISOString().replace(/\.\d+/, ''), to: new Date(+from + 3 * 3600_000).toISOString().replace(/\.\d+/, '')}
    return (await (await fetch('/quotes', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body)})).json()).quote.price.minor
  }, where)
  const cheap = await quote()
  await p.goto(`${base}/owner/#/config/${where}/tariff`)
  const rate = p.locator('.trow tbody tr').first().locator('input')
  await rate.waitFor()
  const price = Number(await rate.inputValue())
  await rate.fill('nothing')
  check(await rate.getAttribute('aria-invalid') === 'true', 'what is no price is taken')
  await rate.fill((price + 1).toFixed(2))
  await p.getByText('Nothing is wrong with it').waitFor()
  await p.getByRole('slider', {name: 'What a stay costs'}).waitFor()
  await p.getByRole('slider', {name: 'What a stay costs'}).focus()
  await p.keyboard.press('End')
  check(/was/.test(await p.getByRole('slider', {name: 'What a stay costs'}).getAttribute('aria-valuetext')), 'the curve says nothing')
  check(await quote() === cheap, 'a draft has changed a price')
  await see('owner-tariff-desktop')
  await p.getByRole('button', {name: 'Adopt now'}).click()
  await p.getByText(/Version \d+ is in force\./).waitFor()
  check(await quote() > cheap, 'the tariff that was adopted is not quoted')
  await p.goto(`${base}/owner/#/config/${where}/history`)
  await p.getByText('seven bays are repainted').waitFor()
  await p.getByText('Tariff adopted').first().waitFor()
  await see('owner-history-desktop')

  // A car stands at the gate with nothing in hand; the owner lets it in, with a reason.
  await p.goto(`${base}/owner/#/now/${where}`)
  const entry = p.getByRole('article', {name: 'Entry 1'})
  await entry.waitFor()
  const car = await arrive(twin, 'entry-1', 'PK1:NOTHING', 'DDKM208', 60_000)
  await until('the car is seen at the gate', async () => /arming: occupied/.test(await entry.getByRole('img').getAttribute('aria-label')))
  await see('owner-now-car-desktop')
  await entry.getByRole('button', {name: 'Open once…'}).click()
  await entry.getByRole('button', {name: 'Open once now'}).click()
  await p.getByText('Say why in a few words.').waitFor()
  await see('owner-command-desktop')
  await entry.getByLabel('Why?').fill('the reader is dirty')
  await entry.getByRole('button', {name: 'Open once now'}).click()
  const passed = await finish(twin, car)
  check(passed.outcome === 'passed', `the car that was let in: ${JSON.stringify(passed)}`)
  await entry.getByText(/Open once, .*: done/).waitFor()
  await p.getByText('the reader is dirty').first().waitFor()

  // Refused: nothing is turned round that leads one way, nor let down on a car.
  await entry.getByText('More commands').click()
  await entry.getByRole('button', {name: 'Hold open…'}).click()
  await entry.getByLabel('Why?').fill('a delivery')
  await entry.getByRole('button', {name: 'Hold open now'}).click()
  await entry.getByText('Held open').waitFor()
  const broken = on => fetch(`${twin}/gates/entry-1/conditions`, {method: 'PUT', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({safety_fault: on})})
  check((await broken(true)).ok, 'the twin does not break its loop')
  const close = entry.getByRole('button', {name: 'Let it close…'})
  await until('letting it close is refused in place', async () => (await close.getAttribute('aria-disabled')) === 'true')
  await entry.getByText('The arm is never moved over a car we cannot see.').waitFor()
  await see('owner-now-refused-desktop')
  await broken(false)
  await until('it may close again', async () => (await close.getAttribute('aria-disabled')) !== 'true')
  await p.goto(`${base}/owner/#/commands`)
  await p.getByText('the reader is dirty').waitFor()
  await see('owner-commands-desktop')

  // Opening hours. A guest has booked a day that is to be closed: the draft names him, and he keeps it.
  const soon = new Date(Date.now() + 3 * 86_400_000).toISOString().slice(0, 10)
  const booked = await d.evaluate(async ([id, day]) => (await (await fetch('/reserve', {method: 'POST', headers: {'Content-Type': 'application/json', 'Idempotency-Key': 'a-key-of-a-guest-of-the-fair'}, body: JSON.stringify({parking_id: id, space_type: 'standard', from: `${day}T10:00:00Z`, to: `${day}T12:00:00Z`, payment_method: 'pm_sandbox_ok', contact: {email: 'guest@posteo.example'}})})).json()).reservation, [where, soon])
  await p.goto(`${base}/owner/#/config/${where}/hours`)
  await p.getByLabel('By opening hours').check()
  await p.getByLabel('Saturday, closes').fill('00:00')
  await p.getByRole('button', {name: /^Drop the times of Sunday/}).click()
  await p.getByRole('button', {name: 'Add a day'}).click()
  await p.getByText('Say which day.').waitFor()
  await p.getByLabel('Day', {exact: true}).fill(soon)
  await p.getByLabel('What it is, such as Christmas Eve').fill('Fair')
  await p.getByText('1 reservation begins or ends while it would be closed').waitFor()
  await p.getByLabel('Tuesday, closes').fill('05:00')
  await p.getByText('It ends before it begins.').waitFor()
  await see('owner-hours-wrong-desktop')
  await p.getByLabel('Tuesday, closes').fill('21:45')
  await p.getByLabel('Why? For the history.').fill('the fair')
  await see('owner-hours-desktop')
  await p.getByRole('button', {name: 'Save', exact: true}).click()
  await p.getByText('Saved. What is sold keeps its terms.').waitFor()
  const ask = (from, to) => d.evaluate(async ([id, a, b]) => { const got = await fetch('/quotes', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({parking_id: id, space_type: 'standard', from: a, to: b})}); return `${got.status} ${(await got.json()).code ?? ''}` }, [where, from, to])
  await until('nothing is sold for the day that is closed', async () => (await ask(`${soon}T08:00:00Z`, `${soon}T10:00:00Z`)) === '422 closed')
  check((await d.evaluate(async ([id, token]) => (await (await fetch(`/reservations/${id}`, {headers: {Authorization: `Bearer ${token}`}})).json()).reservation.state, [booked.id, booked.manage_token])) === 'confirmed', 'hours have taken back what was sold')
  await d.goto(`${base}/#/p/${where}`)
  await d.getByRole('heading', {name: 'When it is open'}).waitFor()
  await d.getByText('Fair').waitFor()
  await d.getByText('06:00 – 21:45').waitFor()
  await look(d, 'portal-hours-phone')
  await accessible(d, 'portal-hours-phone')

  // Lanes: what people call one, taken up by the edge and shown with it; the wiring is named as not here.
  await p.goto(`${base}/owner/#/config/${where}/lanes`)
  const label = p.getByLabel('Name for people').first()
  await label.waitFor()
  await p.getByText('How a lane is wired is not set here').waitFor()
  await label.fill('Einfahrt Wilsdruffer Straße')
  await p.getByLabel('For whom').first().selectOption('closed')
  await p.getByLabel('Why? For the history.').fill('new signs')
  await p.getByText('1 reservation already sold keeps its terms').waitFor()
  await see('owner-lanes-draft-desktop')
  await p.getByRole('button', {name: 'Save', exact: true}).click()
  await p.getByText('Saved. What is sold keeps its terms.').waitFor()
  await until('the lane has what is set', async () => (await p.getByText('The lane has what is set.').count()) === 1)
  await p.getByText('Now: closed, reserved only.').waitFor()
  await see('owner-lanes-desktop')
  await p.goto(`${base}/owner/#/now/${where}`)
  await p.getByRole('article', {name: 'Einfahrt Wilsdruffer Straße'}).waitFor()
  await see('owner-now-labelled-desktop')
  await p.goto(`${base}/owner/#/config/${where}/history`)
  await p.getByText('new signs').waitFor()
  await see('owner-history-settings-desktop')

  // Facts and pictures: the driver is told how high the entrance is, and sees it.
  await p.goto(`${base}/owner/#/config/${where}/facts`)
  await p.getByLabel('Highest vehicle, in cm').fill('2')
  await p.getByText('A whole number from 100 to 1,000').first().waitFor()
  await p.getByLabel('Highest vehicle, in cm').fill('195')
  await p.getByLabel('Lit', {exact: true}).check()
  await see('owner-facts-draft-desktop')
  await p.getByRole('button', {name: 'Save', exact: true}).click()
  await p.getByText('Saved. What is sold keeps its terms.').waitFor()
  const photo = p.getByRole('form', {name: 'Add a photo'})
  await photo.getByRole('button', {name: 'Add a photo'}).click()
  await photo.getByText('Choose a file.').waitFor()
  await photo.getByLabel('File').setInputFiles({name: 'IMG_4711.png', mimeType: 'image/png', buffer: await d.screenshot()})
  await photo.getByRole('button', {name: 'Add a photo'}).click()
  await photo.getByText('Say in both languages what it shows.').waitFor()
  await photo.getByLabel('What it shows (German)').fill('Die Einfahrt')
  await photo.getByLabel('What it shows (English)').fill('The entrance')
  await photo.getByRole('button', {name: 'Add a photo'}).click()
  await p.getByText('It is on the page of the parking.').waitFor({state: 'attached'})
  await p.getByRole('img', {name: 'The entrance'}).waitFor()
  await see('owner-facts-desktop')
  await d.goto(`${base}/#/p/${where}`)
  await d.getByText('Under 1.95 m high').waitFor()
  await d.locator('.photos img').waitFor()

  // The other pages, at each size.
  for (const [name, hash, there] of [['hours', `#/config/${where}/hours`, /Days that are otherwise/], ['lanes', `#/config/${where}/lanes`, /How a lane is wired/], ['facts', `#/config/${where}/facts`, /Highest vehicle/], ['trends', `#/trends/${where}`, /How full|Nothing is known/], ['reservations', '#/reservations', /Reservations/], ['stays', '#/sessions', /Stays/], ['incidents', '#/incidents', /Incidents/], ['money', '#/money', /Money/], ['ledger', '#/money/ledger', /Ledger/], ['edges', '#/edges', /Edges/], ['team', '#/team', /Team/], ['settings', '#/settings', /Language/]]) {
    for (const [size, view] of Object.entries({desktop: [1440, 900], tablet: [820, 1180], phone: [390, 844]})) {
      await p.setViewportSize({width: view[0], height: view[1]})
      await p.goto(`${base}/owner/${hash}`)
      await p.getByText(there).first().waitFor()
      await until(`${name} is there`, async () => (await p.locator('[aria-busy=true]').count()) === 0)
      await see(`owner-${name}-${size}`)
    }
  }
  // What a shop has paid: written down once, and taken back with a reason.
  await p.setViewportSize({width: 1440, height: 900})
  await p.goto(`${base}/owner/#/config/${where}/shops`)
  await p.getByLabel('What it is called').fill('Kino')
  await p.getByLabel('Until when its codes are good').fill(`${new Date().getFullYear() + 1}-01-31T20:00`)
  await p.getByRole('button', {name: 'Add a shop'}).click()
  const kino = p.getByRole('article', {name: 'Kino'})
  await kino.getByText('owes nothing').waitFor()
  await kino.getByRole('button', {name: 'Account, Kino'}).click()
  await kino.getByRole('button', {name: 'Write down'}).click()
  await kino.getByText('Write an amount, such as 12.50.').waitFor()
  for (const [amount, note, left] of [['12.50', 'Invoice 7', '€12.50'], ['3', 'typed twice', '€15.50']]) {
    await kino.getByLabel('How much').fill(amount)
    await kino.getByLabel('Note').fill(note)
    await kino.getByRole('button', {name: 'Write down'}).click()
    await kino.getByText(`has paid ${left} ahead`).waitFor()
  }
  await kino.getByRole('button', {name: /Take back €3.00 of/}).click()
  await kino.getByLabel('Why').fill('it came once')
  await see('owner-shop-reversal-desktop')
  await kino.getByRole('button', {name: 'Take back', exact: true}).click()
  await kino.getByText('Taken back: it came once').waitFor()
  await kino.getByText('has paid €12.50 ahead').waitFor()
  const [saved] = await Promise.all([p.waitForEvent('download'), kino.getByRole('button', {name: 'Save as a file (CSV)'}).click()])
  const csv = readFileSync(await saved.path(), 'utf8')
  check(/payment,,EUR,-1250,-1250,-12.50,transfer,Invoice 7,/.test(csv) && /reversed payment,,EUR,0,.*typed twice,it came once/.test(csv), `the statement: ${csv}`)
  for (const [size, view] of Object.entries({desktop: [1440, 900], tablet: [820, 1180], phone: [390, 844]})) {
    await p.setViewportSize({width: view[0], height: view[1]})
    await see(`owner-shops-${size}`)
  }

  // All of them in the dark.
  await p.emulateMedia({colorScheme: 'dark'})
  for (const [name, hash, there] of [['now', `#/now/${where}`, /Einfahrt/], ['shops', `#/config/${where}/shops`, /owes|ahead/], ['spaces', `#/config/${where}/spaces`, /Bays out of use|Block/], ['tariff', `#/config/${where}/tariff`, /Tariff/], ['rules', `#/config/${where}/rules`, /Rules/], ['kiosks', `#/config/${where}/kiosks`, /What only the installer sets/], ['history', `#/config/${where}/history`, /Shop added/], ['hours', `#/config/${where}/hours`, /Days that are otherwise/], ['lanes', `#/config/${where}/lanes`, /How a lane is wired/], ['facts', `#/config/${where}/facts`, /Highest vehicle/], ['trends', `#/trends/${where}`, /How full|Nothing is known/], ['reservations', '#/reservations', /Reservations/], ['stays', '#/sessions', /Stays/], ['incidents', '#/incidents', /Incidents/], ['money', '#/money', /Money/], ['ledger', '#/money/ledger', /Ledger/], ['payouts', '#/money/payouts', /Payouts/], ['receivables', '#/money/receivables', /Owed/], ['shifts', '#/money/shifts', /Cash shifts/], ['closings', '#/money/closings', /Closed days/], ['edges', '#/edges', /Edges/], ['team', '#/team', /Team/], ['settings', '#/settings', /Language/]]) {
    for (const [size, view] of Object.entries({desktop: [1440, 900], tablet: [820, 1180]})) {
      await p.setViewportSize({width: view[0], height: view[1]})
      await p.goto(`${base}/owner/${hash}`)
      await p.getByText(there).first().waitFor()
      await until(`${name} is there in the dark`, async () => (await p.locator('[aria-busy=true]').count()) === 0)
      const open = p.locator('.tabs [aria-current]')
      if (await open.count()) await until(`the open tab of ${name} is in sight on a ${size}`, () => open.first().evaluate(a => { const r = a.getBoundingClientRect(), s = a.parentElement.getBoundingClientRect(); return r.left >= s.left - 1 && r.right <= s.right + 1 }))
      await see(`owner-${name}-${size}-dark`)
    }
  }
  await p.emulateMedia({colorScheme: 'light'})

  await p.setViewportSize({width: 390, height: 844})
  await p.goto(`${base}/owner/#/now/${where}`)
  await p.getByRole('article', {name: 'Einfahrt Wilsdruffer Straße'}).waitFor()
  await see('owner-now-phone')
  await p.setViewportSize({width: 1440, height: 900})

  // Somebody is invited, and joins with the link.
  await p.goto(`${base}/owner/#/team`)
  await p.getByLabel('E-mail').fill('jonas@altstadt.example')
  await p.getByRole('button', {name: 'Send the invitation'}).click()
  await p.getByText('A mail is on its way.').waitFor()
  const mail = await until('the invitation', async () => {
    const {mails} = await (await fetch(`${base}/dev/mail`, {headers: {Accept: 'application/json'}})).json()
    for (const m of mails.filter(x => x.to.some(t => t.includes('jonas')))) {
      const got = await (await fetch(`${base}/dev/mail/${m.id}`, {headers: {Accept: 'application/json'}})).json()
      const found = /(\/owner\/)?#\/join\?token=[a-z2-7]+/.exec((got.mail ?? got).text)
      if (found) return found[0]
    }
  })
  const j = await page('who joins', {size: 'phone', expected: refused})
  await j.goto(`${base}${mail.startsWith('/') ? '' : '/owner/'}${mail}`)
  await j.getByRole('heading', {name: 'You are invited'}).waitFor()
  await look(j, 'owner-join-phone')
  await accessible(j, 'owner-join-phone')
  await j.getByLabel('Choose a password').fill('parken mit Lust 7')
  await j.getByRole('button', {name: 'Accept'}).click()
  await j.getByRole('heading', {name: /You work for/}).waitFor()
  await j.getByRole('link', {name: 'Sign in'}).click()
  await j.getByLabel('E-mail').fill('jonas@altstadt.example')
  await j.getByLabel('Password').fill('parken mit Lust 7')
  await j.getByRole('button', {name: 'Sign in', exact: true}).click()
  await j.getByRole('link', {name: 'Incidents'}).waitFor()
  check(await j.getByRole('link', {name: 'Money'}).count() === 0, 'staff are led to the money')

  // Signed out in another tab: every page of this one asks to sign in, and goes in again when that one does.
  const tab = await j.context().newPage()
  await tab.goto(`${base}/owner/#/incidents`)
  await tab.getByRole('link', {name: 'Incidents'}).waitFor()
  await j.bringToFront()
  await j.goto(`${base}/owner/#/settings`)
  await j.getByRole('button', {name: 'Sign out'}).click()
  await j.getByLabel('E-mail').waitFor()
  await tab.getByLabel('E-mail').waitFor()
  await look(tab, 'owner-signed-out-elsewhere-phone')
  await j.getByLabel('E-mail').fill('jonas@altstadt.example')
  await j.getByLabel('Password').fill('parken mit Lust 7')
  await j.getByRole('button', {name: 'Sign in', exact: true}).click()
  await j.getByRole('link', {name: 'Incidents'}).waitFor()
  await tab.getByRole('link', {name: 'Incidents'}).waitFor()
  await tab.close()

  // The line is cut: what was known stays, and says since when.
  await p.goto(`${base}/owner/#/now/${where}`)
  await p.getByRole('article', {name: 'Einfahrt Wilsdruffer Straße'}).waitFor()
  await p.context().setOffline(true)
  await p.getByText('No connection since').waitFor()
  await see('owner-now-offline-desktop')
  await p.context().setOffline(false)
  await p.getByText('live', {exact: true}).waitFor()

  // What is set of a kiosk is seen first, kept with its why, and in force at the machine a moment later; what it cannot be is not sent.
  await p.setViewportSize({width: 1440, height: 900})
  await p.goto(`${base}/owner/#/config/${where}/kiosks`)
  await p.getByText('What only the installer sets').waitFor()
  await p.getByLabel('Takes cash').first().selectOption('no')
  await p.getByLabel('Takes cards').first().selectOption('no')
  await p.getByText('Nobody could pay: take cash or cards.').waitFor()
  await p.getByLabel('Takes cards').first().selectOption('')
  await p.getByLabel('Name for people').first().fill('Kasse Nord')
  await p.getByLabel('Tax number on the receipt').first().fill('DE123456789')
  await p.getByText('What would change').waitFor()
  await see('owner-kiosks-draft-desktop')
  await p.getByLabel('Why? For the history.').fill('no more coins')
  await p.getByRole('button', {name: 'Save', exact: true}).click()
  await until('the machine has what is set', async () => (await p.getByText('The machine has what is set.').count()) === 1)
  await p.getByRole('heading', {name: /Kasse Nord/}).waitFor()
  for (const [size, view] of Object.entries({desktop: [1440, 900], tablet: [820, 1180], phone: [390, 844]})) {
    await p.setViewportSize({width: view[0], height: view[1]})
    await see(`owner-kiosks-${size}`)
  }
  await p.goto(`${base}/owner/#/config/${where}/history`)
  await p.getByText('no more coins').waitFor()
  await see('owner-history-kiosks-phone')
})
rmSync(dir, {recursive: true, force: true})
