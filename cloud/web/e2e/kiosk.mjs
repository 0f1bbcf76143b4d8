// The kiosk on a real edge: somebody who walked in finds the stay, pays in cash, gets change and
// drives out. What lies in the machine is the agent's; the page only shows it. Staff opens a
// shift before and counts the box afterwards, and the shift is in the owner's books; somebody
// calls for help, and the owner answers.
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {accessible, arrive, check, devstack, finish, look, page, price, signIn, test, unlock as unlocked} from './lib.mjs'

const dir = mkdtempSync(join(tmpdir(), 'openlot-kiosk-'))

await test('kiosk', async () => {
  const stack = await devstack(dir)
  const {base, edge: at, twin} = stack
  const p = await page('kiosk', {viewport: {width: 1080, height: 1920}, expected: ['status of 409', 'status of 403']})
  const see = async name => { await look(p, `kiosk-${name}`); await accessible(p, `kiosk-${name}`) }
  const inserted = value => fetch(`${at}/kiosk/sim/insert?value=${value}`, {method: 'POST'})

  await p.goto(`${at}/kiosk/`)
  await p.getByRole('heading', {name: 'Pay here'}).waitFor()
  await p.getByText('At most per day').waitFor() // the prices have come
  // Every minute costs from now on; the edge hears of it.
  await price(stack, dir, 510)
  await p.getByText('€5.10').waitFor()
  await see('real-start')
  await p.getByRole('button', {name: 'Deutsch'}).click()
  await p.getByRole('heading', {name: 'Hier zahlen'}).waitFor()
  check(await p.locator('.refused p').count() === 0, 'the language is refused')
  await p.getByRole('button', {name: 'English'}).click()

  await p.getByRole('button', {name: /number plate/}).click()
  await p.getByRole('button', {name: 'Find my car'}).waitFor()
  for (const c of 'XX1') await p.keyboard.press(c)
  await p.getByRole('button', {name: 'Find my car'}).click()
  await p.getByText('We find no car').waitFor()
  await see('real-unknown')
  await p.getByRole('button', {name: 'Back'}).click()

  // Staff unlocks the screen: a wrong PIN first, then a shift is opened.
  const unlock = pin => unlocked(p, stack.staff, pin, () => see('real-pin'))
  await unlock('910275')
  await p.locator('.veil').getByText('Wrong PIN').waitFor()
  await p.locator('.veil').getByRole('button', {name: 'Back'}).click()
  await unlock(stack.pin)
  await p.getByRole('heading', {name: `Staff: ${stack.staff}`}).waitFor()
  await p.getByRole('button', {name: 'Open a shift'}).click()
  await p.getByText('Should lie in the box').waitFor()
  await see('real-staff')
  await p.getByRole('button', {name: 'Lock'}).click()
  await p.getByRole('heading', {name: 'Pay here'}).waitFor()

  const v = await finish(twin, await arrive(twin, 'entry-1', {button: true, plate: 'DDKM208'}))
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

  // The first drives out. Without paper nobody gets a ticket, and who has paid for a lost one leaves by a code on the
  // screen.
  const world = async what => check((await fetch(`${at}/kiosk/sim/${what}`, {method: 'POST'})).ok, `the machine's world refuses ${what}`)
  check((await finish(twin, await arrive(twin, 'exit-1', {credential: v.ticket, plate: 'DDKM208'}))).outcome === 'passed', 'the first does not get out')
  const second = await finish(twin, await arrive(twin, 'entry-1', {button: true, plate: 'DDQR1'}))
  check(second.outcome === 'passed', `the second walk-in: ${JSON.stringify(second)}`)
  await world('paper?there=false')
  await p.locator('.kiosk .tag', {hasText: 'No paper'}).waitFor()
  check(await p.getByRole('button', {name: /Take a ticket/}).count() === 0, 'tickets are offered without paper')
  await see('real-out-of-paper')
  await p.getByRole('button', {name: /lost my ticket/}).click()
  await p.getByRole('button', {name: /^about/}).last().click()
  await p.getByRole('button', {name: 'Look for it'}).click()
  await p.getByRole('button', {name: /^Here since/}).first().click()
  await p.getByRole('button', {name: 'Pay by card'}).click()
  await p.getByText('Hold your card to the reader.').waitFor()
  await world('card?approved=true')
  await p.getByRole('img', {name: 'Code to leave by'}).waitFor()
  await see('real-no-paper')
  const {leave} = (await (await fetch(`${at}/kiosk/api/state`)).json()).screen
  check((await finish(twin, await arrive(twin, 'exit-1', {credential: leave, plate: 'DDQR1'}))).outcome === 'passed', 'the code on the screen opens no exit')
  await p.getByRole('button', {name: 'Done'}).click()
  await world('paper?there=true')
  await p.locator('.kiosk .tag', {hasText: 'No paper'}).waitFor({state: 'detached'})

  // The box is counted: a note of ten lies in it, and the shift balances.
  await unlock(stack.pin)
  await p.getByRole('heading', {name: `Staff: ${stack.staff}`}).waitFor()
  await p.getByText('1 payments').waitFor()
  await p.getByRole('button', {name: 'Count and close the shift'}).click()
  await p.locator('.counts label', {hasText: '€10'}).locator('input').fill('1')
  await see('real-count')
  await p.getByRole('button', {name: 'Close the shift'}).click()
  await p.getByText('It balances.').waitFor()
  await see('real-closed')
  await p.getByRole('button', {name: 'Lock'}).click()
  await p.getByRole('heading', {name: 'Pay here'}).waitFor()

  // In the cloud: the shift with its machine and who counted.
  const o = await page('kiosk-owner', {expected: ['status of 401']})
  const seen = async name => { await look(o, `kiosk-${name}`); await accessible(o, `kiosk-${name}`) }
  await signIn(o, base, dir)
  await o.goto(`${base}/owner/#/money/shifts`)
  const row = o.locator('tbody tr', {hasText: 'kiosk-1'})
  await row.waitFor()
  const text = await row.innerText()
  check(text.includes(stack.staff) && /€10\.00[\s\S]*€10\.00[\s\S]*€0\.00/.test(text), `the shift in the cloud: ${text}`)
  await seen('owner-shifts')

  // Somebody calls for help; the owner says that he comes, and the machine says so.
  await o.goto(`${base}/owner/#/now`)
  await o.getByRole('heading', {name: 'To do'}).waitFor()
  await p.getByRole('button', {name: 'Help'}).click()
  await p.getByText('We call 030').waitFor()
  await o.getByRole('button', {name: 'I am coming'}).waitFor()
  await seen('owner-help')
  await o.getByRole('button', {name: 'I am coming'}).click()
  await p.getByText('Somebody has seen your call').waitFor()
  await see('real-noticed')
  await p.getByRole('button', {name: 'Back'}).click()
  await p.getByRole('heading', {name: 'Pay here'}).waitFor()
  await o.getByText('Nothing needs a hand').waitFor()
})
rmSync(dir, {recursive: true, force: true})
