// The whole way of a driver, in the portal and at the gate: search, reserve, the
// bank's second step, the pass, which is there without a network, in at the twin, out
// before the time is over, the receipt. Cloud, edge, board and twin are the real programs.
import {mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {accessible, check, freePort, here, link, look, page, run, start, test, until} from './lib.mjs'

const dir = mkdtempSync(join(tmpdir(), 'openlot-story-'))

/** The twin's answer to a car that shows a credential at a gate: its visit to the end. */
async function drive(twin, gate, credential, plate) {
  const post = await fetch(`${twin}/gates/${gate}/vehicles`, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({credential, plate, patience_ms: 20_000})})
  let v = await post.json()
  while (v.outcome === 'waiting') v = await (await fetch(`${twin}/vehicles/${v.id}?wait=30s`)).json()
  return v
}

await test('story', async () => {
  const [http, admin, mqtt, edge, twin] = await Promise.all(Array.from({length: 5}, freePort))
  const stack = start('devstack', ['run', '--no-traffic', '--edges', '1', '--dir', dir, '--http', `127.0.0.1:${http}`, '--admin', `127.0.0.1:${admin}`, '--mqtt', `127.0.0.1:${mqtt}`, '--edge-port', `${edge}`, '--twin-port', `${twin}`])
  const base = `http://127.0.0.1:${http}`, gates = `http://127.0.0.1:${twin}`
  await until('everything runs', () => stack.said().includes('Openlot runs') || (stack.process.exitCode !== null && Promise.reject(new Error(stack.said()))), 180_000)
  const where = /gate of (\S+)/.exec(stack.said())[1]
  const features = JSON.parse(readFileSync(here('../../../scripts/sample/carparks.geojson'))).features
  const {name} = features.find(f => f.properties.id === where).properties

  // Who leaves early pays for what was used, at least so much of the price.
  await run('openlot', ['admin', 'policy', where, '--early-charge', '30', '--data-dir', join(dir, 'cloud')])
  await until('the parking says so', async () => (await (await fetch(`${base}/parking?id=${where}`)).json()).policies.early_charge_percent === 30)

  const p = await page('story', {size: 'phone', expected: ['ERR_INTERNET_DISCONNECTED', 'status of 401']})
  // A time that has begun, four hours long: who leaves before it begins has used nothing that could be counted.
  const QUARTER = 900_000
  await until('a quarter with more than a minute left', () => Date.now() % QUARTER < QUARTER - 60_000, 70_000)
  await p.addInitScript(from => { if (!sessionStorage['openlot.search']) sessionStorage['openlot.search'] = JSON.stringify({from, to: from + 4 * 3_600_000, text: '', near: '', place: '', radius: 0, most: '', type: 'standard', sort: 'relevance'}) }, Math.floor(Date.now() / QUARTER) * QUARTER)
  await p.goto(`${base}/`)
  await p.locator('#q').fill(name)
  await p.locator('#q').press('Escape')
  await p.getByRole('main').getByRole('link', {name}).first().click()
  await p.getByRole('link', {name: 'Reserve'}).click()
  await p.getByLabel('E-mail for pass and receipt').fill('jana.richter@posteo.example')
  await p.getByLabel(/^Plate/).fill('DD OL 417')
  await p.getByText('asks your bank').click()
  await look(p, 'story-1-checkout')
  await p.getByRole('button', {name: /^Hold/}).click()

  // The bank asks; it leads back.
  await p.getByRole('link', {name: 'Open my bank'}).waitFor()
  await look(p, 'story-2-bank')
  await p.getByRole('link', {name: 'Open my bank'}).click()
  await p.getByRole('button', {name: /Approve|Confirm|Yes/i}).first().click()
  await p.getByRole('link', {name: 'Back to your booking'}).click()
  await p.getByRole('group', {name: 'Your pass'}).waitFor()
  const id = /#\/r\/([^/?]+)/.exec(p.url())[1]
  await look(p, 'story-3-pass')
  const kept = await p.evaluate(id => JSON.parse(localStorage['openlot.bookings']).find(b => b.id === id), id)
  const pass = kept.reservation.pass

  // No network in the portal: the pass is shown all the same, also when it is opened anew.
  await until('the app is kept', () => p.evaluate(async () => (await navigator.serviceWorker?.getRegistration())?.active != null))
  await p.context().setOffline(true)
  await p.reload()
  await p.getByRole('group', {name: 'Your pass'}).waitFor()
  await p.getByText('No connection since').waitFor()
  check(await p.getByRole('img', {name: 'QR pass for the gate'}).isVisible(), 'the QR code is not shown without a network')
  await look(p, 'story-4-offline')
  await p.context().setOffline(false)

  // In.
  const inside = await drive(gates, 'entry-1', pass, 'DDOL417')
  check(inside.outcome === 'passed', `at the entry: ${JSON.stringify(inside)}`)
  await p.getByText('Inside since').waitFor()
  await p.getByText('Leave now').waitFor()
  const leaving = p.locator('.opt').filter({hasText: 'Leave now'})
  await leaving.getByText(/You pay €[\d.]+, €[\d.]+ is released/).waitFor()
  const shown = await leaving.locator('.fig').innerText()
  const agreed = `€${(kept.reservation.price.minor / 100).toFixed(2)}`
  check(shown !== agreed, `leaving early costs ${shown}, as much as was agreed`)
  await look(p, 'story-5-inside')

  // Out, long before the time is over.
  const left = await drive(gates, 'exit-1', pass, 'DDOL417')
  check(left.outcome === 'passed', `at the exit: ${JSON.stringify(left)}`)
  await p.getByText('You have left').waitFor()
  await look(p, 'story-6-left')
  await p.goto(`${base}/#/r/${id}/receipt`)
  await p.getByRole('heading', {name: /Receipt/}).first().waitFor()
  await p.getByText('Total').first().waitFor()
  check((await p.locator('.flow .price').first().innerText()) === shown, `the receipt says ${await p.locator('.flow .price').first().innerText()}, “Leave now” said ${shown}`)
  await p.getByText('what you did not use is not charged').waitFor()
  await look(p, 'story-7-receipt')

  // The link of the mail opens the booking on another device.
  const mail = await link(base, 'jana.richter@posteo.example', /#\/r\/\S+token=[^\s"<>]+/)
  const q = await page('story elsewhere', {})
  await q.goto(mail)
  await q.getByText('You have left').waitFor()
  await accessible(q, 'story elsewhere')
  check(!q.url().includes('token'), `the token stays in the address: ${q.url()}`)
})
rmSync(dir, {recursive: true, force: true})
