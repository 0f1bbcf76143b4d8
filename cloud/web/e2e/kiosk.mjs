// The kiosk on a real edge: somebody who walked in finds the stay, pays in cash, gets change and
// drives out. What lies in the machine is the agent's; the page only shows it.
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {accessible, check, freePort, look, page, run, start, test, until} from './lib.mjs'

const dir = mkdtempSync(join(tmpdir(), 'openlot-kiosk-'))

async function drive(twin, gate, credential) {
  let v = await (await fetch(`${twin}/gates/${gate}/vehicles`, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({...(credential ? {credential} : {button: true}), plate: 'DDKM208', patience_ms: 20_000})})).json()
  while (v.outcome === 'waiting') v = await (await fetch(`${twin}/vehicles/${v.id}?wait=30s`)).json()
  return v
}

await test('kiosk', async () => {
  const [http, admin, mqtt, edge, twinPort] = await Promise.all(Array.from({length: 5}, freePort))
  const stack = start('devstack', ['run', '--no-traffic', '--edges', '1', '--dir', dir, '--http', `127.0.0.1:${http}`, '--admin', `127.0.0.1:${admin}`, '--mqtt', `127.0.0.1:${mqtt}`, '--edge-port', `${edge}`, '--twin-port', `${twinPort}`])
  await until('everything runs', () => stack.said().includes('Openlot runs') || stack.process.exitCode !== null, 240_000)
  if (!stack.said().includes('Openlot runs')) throw new Error(stack.said())
  const at = `http://127.0.0.1:${edge}`, twin = `http://127.0.0.1:${twinPort}`
  const p = await page('kiosk', {viewport: {width: 1080, height: 1920}, expected: ['status of 409']})
  const see = async name => { await look(p, `kiosk-${name}`); await accessible(p, `kiosk-${name}`) }
  const inserted = value => fetch(`${at}/kiosk/sim/insert?value=${value}`, {method: 'POST'})

  await p.goto(`${at}/kiosk/`)
  await p.getByRole('heading', {name: 'Pay here'}).waitFor()
  await p.getByText('At most per day').waitFor() // the prices have come
  // Every minute costs from now on; the edge hears of it.
  const where = /gate of (\S+)/.exec(stack.said())[1]
  const got = await (await fetch(`http://127.0.0.1:${http}/parkings/${where}`, {headers: {Accept: 'application/json'}})).json()
  const {consideration_minutes: _, ...tariff} = (got.parking ?? got).tariff
  writeFileSync(join(dir, 'tariff.json'), JSON.stringify({...tariff, version: tariff.version + 1, rate: 510, free_minutes: 0}))
  await run('openlot', ['admin', 'tariff', where, join(dir, 'tariff.json'), '--data-dir', join(dir, 'cloud')])
  await p.getByText('€5.10').waitFor()
  await see('real-start')
  await p.getByRole('button', {name: 'Deutsch'}).click()
  await p.getByRole('heading', {name: 'Hier zahlen'}).waitFor()
  check(await p.locator('.refused p').count() === 0, 'the language is refused')
  await p.getByRole('button', {name: 'English'}).click()

  await p.getByRole('button', {name: /number plate/}).click()
  for (const c of 'XX1') await p.keyboard.press(c)
  await p.getByRole('button', {name: 'Find my car'}).click()
  await p.getByText('We find no car').waitFor()
  await see('real-unknown')
  await p.getByRole('button', {name: 'Back'}).click()

  const v = await drive(twin, 'entry-1', '')
  check(v.outcome === 'passed', `the walk-in: ${JSON.stringify(v)}`)
  await p.getByRole('button', {name: /lost my ticket/}).click()
  await p.getByRole('button', {name: /^about/}).last().click()
  await p.getByRole('button', {name: 'Look for it'}).click()
  await p.getByRole('button', {name: /^Here since/}).first().click()
  await p.locator('.knum').waitFor()
  await see('real-pay')
  check((await inserted(1000)).ok, 'a note of ten is not taken')
  await p.getByText('You get back').waitFor()
  await see('real-change')
  await p.getByRole('button', {name: /^Pay/}).first().click()
  await p.getByRole('heading', {name: /^Paid|Nothing to pay/}).waitFor()
  await see('real-paid')
  await p.getByRole('button', {name: 'Done'}).click()
  await p.getByRole('heading', {name: 'Pay here'}).waitFor()
})
rmSync(dir, {recursive: true, force: true})
