// The kiosk with the cloud gone: staff opens a shift while there is one and closes it while there
// is none; tickets, change that is short, a power cut between note and receipt, a lost ticket, a
// shop's code and a credit slip. Then the cloud is back, and its books have everything, once.
// Cloud, edge, board and twin are the real programs; the devices of the kiosk are simulated.
import {mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {accessible, arrive, check, devstack, finish, freePort, look, page, price, signIn, test, unlock, until} from './lib.mjs'

const dir = mkdtempSync(join(tmpdir(), 'openlot-offline-'))

/** What a printer was sent, slip by slip: what a person reads, and what its QR code says. */
function printed(file) {
  let raw
  try { raw = readFileSync(file, 'latin1') } catch { return [] }
  return raw.split('\x1dVB\x03').slice(0, -1).map(slip => {
    let code = '', text = ''
    for (let i = 0; i < slip.length; i++) {
      if (!slip.startsWith('\x1d(k', i)) { text += slip[i]; continue }
      const n = slip.charCodeAt(i + 3) + 256 * slip.charCodeAt(i + 4), data = slip.slice(i + 5, i + 5 + n)
      if (data.startsWith('1P0')) code = data.slice(3)
      i += 4 + n
    }
    return {text: text.replace(/\x1b@|\x1b[taE].|\x1d!./gs, ''), code}
  })
}

await test('offline', async () => {
  const camera = await freePort(), stack = await devstack(dir, ['--camera-port', `${camera}`])
  const {base, twin, where} = stack, edge = `edge-${where}`, house = join(dir, 'edges', where)
  const slips = () => printed(join(house, 'kiosk-devices', 'paper.bin'))
  const device = () => JSON.parse(readFileSync(join(house, 'kiosk-devices', 'cash.json')))
  const insert = async (...values) => { for (const v of values) check((await fetch(`${stack.edge}/kiosk/sim/insert?value=${v}`, {method: 'POST'})).ok, `${v} is not taken`) }
  await price(stack, dir, 510)

  // The owner gives a shop its codes.
  const o = await page('offline-owner', {expected: ['status of 401', 'ERR_CONNECTION', 'ERR_INCOMPLETE']})
  const seen = async name => { await look(o, `offline-owner-${name}`); await accessible(o, `offline-owner-${name}`) }
  await signIn(o, base, dir)
  await o.goto(`${base}/owner/#/config/${where}/shops`)
  await o.getByLabel('What it is called').fill('Kino am Wall')
  await o.getByLabel('A code takes off').selectOption('amount')
  await o.getByLabel('How much').fill('1.50')
  await o.getByLabel('Until when its codes are good').fill(`${new Date(Date.now() + 7 * 86_400_000).toISOString().slice(0, 10)}T12:00`)
  await o.getByRole('button', {name: 'Add a shop'}).click()
  await o.getByText('Kino am Wall is added.').waitFor()
  await o.getByLabel('How many codes').fill('3')
  const file = o.waitForEvent('download')
  await o.getByRole('button', {name: 'Make codes'}).click()
  const code = readFileSync(await (await file).path(), 'utf8').match(/[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}/)[0]
  await o.getByText('3 codes for Kino am Wall').waitFor()
  await seen('shop')
  await o.goto('about:blank')

  const p = await page('offline', {viewport: {width: 1080, height: 1920}, expected: ['status of 409', 'ERR_CONNECTION', 'ERR_INCOMPLETE', 'ERR_EMPTY_RESPONSE']})
  const see = async name => { await look(p, `offline-${name}`); await accessible(p, `offline-${name}`) }
  const button = (name, more = {}) => p.getByRole('button', {name, ...more})
  const heading = name => p.getByRole('heading', {name}).waitFor()
  const start = () => heading('Pay here, then drive out.')
  const border = look => p.locator(`.kiosk.k-${look}`).waitFor()
  /** What a scanner types. */
  const scan = text => p.evaluate(text => { for (const key of [...text, 'Enter']) dispatchEvent(new KeyboardEvent('keydown', {key})) }, text)
  const type = async text => { for (const key of text) await p.locator('.keys .key', {hasText: new RegExp(`^${key}$`)}).click() }
  const staff = async () => { await unlock(p, stack.staff, stack.pin); await heading(`Staff: ${stack.staff}`) }
  const lock = async () => { await button('Lock').click(); await start() }
  const done = async () => { await button('Done').click(); await start() }
  const sums = async n => { await until(`${n} figures`, async () => (await p.locator('.ksplit .v').count()) >= n); return p.locator('.ksplit .v').allInnerTexts() }

  // (1) Staff opens a shift: what is in the machine is counted by it.
  await p.goto(`${stack.edge}/kiosk/`)
  await p.getByText('€5.10').waitFor()
  await until('the machine knows the shop', async () => (await (await fetch(`${stack.edge}/kiosk/api/state`)).json()).can.validation)
  await staff()
  await button('Open a shift').click()
  await p.getByText('Should lie in the box').waitFor()
  check((await p.locator('.sums').first().innerText()).includes('€190.00'), `the shift begins with ${await p.locator('.sums').first().innerText()}`)
  await lock()

  // (2) The cloud is gone. The border says so; staff takes the small coins out.
  await stack.off('cloud')
  await border('link')
  const tag = await p.locator('.tag').innerText()
  check(/^No link to the cloud since \d\d:\d\d\s· .*cash.*work$/.test(tag), `the tag says “${tag}”`)
  await see('border')
  await staff()
  const hopper = n => p.locator('.counts label', {hasText: `Hopper ${n},`})
  const fill = async (n, count, then) => {
    await hopper(n).getByRole('spinbutton').fill(`${count}`)
    await hopper(n).getByRole('button').click()
    await hopper(n).getByText(`: ${then}`).waitFor()
  }
  for (const n of [1, 2, 3]) await fill(n, -50, 0)
  await border('cash')
  const fails = p.locator('section', {hasText: 'What is failing'})
  await fails.getByText(/10c, 20c, 50c coins run out/).waitFor()
  await fails.getByText('No link to the cloud since').waitFor()
  await see('staff')
  await lock()

  // (3) Walk-ins take tickets: nobody gets one who does not stand at the arm.
  await button(/Take a ticket and drive in/).click()
  await p.getByText('Drive up to the arm, then take a ticket.').waitFor()
  await see('drive-up')
  await button('Back').click()
  await start()
  let told = ''
  const walkIn = async (plate, read = false) => {
    const car = await arrive(twin, 'entry-1', {waits: true, plate}, 60_000)
    await until(`${plate} stands at the arm`, async () => (await (await fetch(`${twin}/state`)).json()).gates[0].cars.some(c => c.id === car.id && c.speed === 0))
    if (read) {
      const token = readFileSync(join(house, 'camera.token'), 'utf8')
      const got = await fetch(`http://127.0.0.1:${camera}/reader/entry-camera`, {method: 'POST', headers: {'Content-Type': 'application/json', Authorization: `Bearer ${token}`}, body: JSON.stringify({plate})})
      check(got.status === 202, `the camera is told ${got.status}`)
      await until('the lane says what it thinks of the plate', async () => (await (await fetch(`${twin}/state`)).json()).gates[0].display !== '')
    }
    await button(/Take a ticket and drive in/).click()
    await heading('Take your ticket and drive in.')
    if (!told) await see('ticket')
    told = slips().at(-1).code
    check(/\S{10,}/.test(told), `the ticket says “${told}”`)
    await done()
    const in_ = await finish(twin, car)
    check(in_.outcome === 'passed', `${plate} drives in: ${JSON.stringify(in_)}`)
    return told
  }

  // (4) A note of ten for 5.10, and no small coins: said before anything is paid.
  const first = await walkIn('DDAB1')
  await scan(first)
  await p.locator('.knum').waitFor()
  await insert(1000)
  await heading('€0.90 are missing in the machine.')
  await p.getByText('Nothing is paid yet').waitFor()
  await p.getByText('Add a 10c coin').waitFor()
  await see('short')
  check(device().totals.kept === 0, 'a note is kept before its driver has said how')
  await button(/^€4\.00 and a credit slip/).click()
  await heading('Paid. Have a good trip.')
  await p.getByText('Your credit of €0.90').waitFor()
  const slip = /Code (\S+?),/.exec(await p.locator('div.mine').innerText())[1]
  await see('credit')
  const receipt = await until('the receipt', () => slips().find(s => s.text.includes('Credit')))
  check(receipt.text.includes(slip) && /Credit +0\.90/.test(receipt.text) && /Change +4\.00/.test(receipt.text), `the receipt:\n${receipt.text}`)
  await done()

  // (5) The power goes twice: with a note in the slot, and while the change comes out.
  const second = await walkIn('DDCD2')
  await scan(second)
  await p.locator('.knum').waitFor()
  const before = device().totals, paper = slips().length
  await insert(2000)
  await heading('€0.90 are missing in the machine.')
  await stack.off(edge, true)
  await heading('This machine is stopped for a moment.')
  await see('power')
  await stack.on(edge)
  await heading('€0.90 are missing in the machine.')
  check((await sums(3))[0] === '€5.10' && device().totals.inserted === before.inserted + 2000, 'the note is forgotten')
  await border('cash')
  await insert(10)
  await p.getByText('You get back').waitFor()
  check((await sums(3)).join() === '€5.10,€20.10,€15.00', `after a start the screen says ${await sums(3)}`)
  await see('go-on')
  await button(/^Pay and give me €15\.00/).click()
  await p.getByText(/^€[1-9][\d.]* of €15\.00$/).waitFor()
  await stack.off(edge, true)
  const cut = device().totals
  check(cut.kept - before.kept === 2010 && cut.given > before.given && cut.given < before.given + 1500, `the power went too early or too late: ${JSON.stringify({before, cut})}`)
  check(slips().length === paper, 'there is a receipt before the change was out')
  await stack.on(edge)
  await heading('Paid. Have a good trip.')
  await p.getByText('€5.10, change €15.00').waitFor()
  await see('after-power')
  const after = device().totals
  check(after.kept - before.kept === 2010 && after.given - before.given === 1500 && after.returned === before.returned, `${JSON.stringify({before, after})}`)
  await until('one receipt', () => slips().length === paper + 1)
  await done()

  // (6) The ticket is lost: found by about when, and the plate that a camera read.
  const lost = await walkIn('DDKM208', true)
  await button(/I lost my ticket/).click()
  await button(/^about/).last().click()
  await type('DDKM208')
  await see('lost')
  await button('Look for it').click()
  await button(/^Here since/).first().waitFor()
  check(await button(/^Here since/).count() === 1, 'others are shown beside the one whose plate it is')
  await button(/^Here since/).click()
  await p.getByText('ticket lost').waitFor()
  await p.getByText('DDKM208').waitFor()
  await see('lost-pay')
  await insert(500, 10) // exact: taken by itself
  await heading('Paid. Have a good trip.')
  const again = await until('a ticket to leave by', () => { const s = slips().at(-1); return s.text.includes('Receipt') && s.code })
  check(again === lost, 'what is printed for a lost ticket is another stay’s')
  await done()

  // (7) A shop's code and the slip of (4), each once.
  const codes = async () => { await button('I have a code from a shop').click(); await heading('Code from a shop') }
  const fourth = await walkIn('DDEF4')
  await scan(fourth)
  await p.locator('.knum').waitFor()
  await codes()
  await type(code.replaceAll('-', ''))
  await see('code')
  await button('Use it').click()
  await p.getByText('Taken off by Kino am Wall').waitFor()
  check(await p.locator('.knum').innerText() === '€3.60', `after the code ${await p.locator('.knum').innerText()}`)
  await see('code-taken')
  await codes()
  await scan(code)
  await p.getByText('This code was used already.').waitFor()
  await see('code-used')
  await button('Back').click()
  await codes()
  await type(slip.replaceAll('-', ''))
  await button('It is a credit slip').click()
  await p.getByText('Credit slip').waitFor()
  check(await p.locator('.knum').innerText() === '€2.70', `after the slip ${await p.locator('.knum').innerText()}`)
  await see('slip-taken')
  await codes()
  await scan(slip)
  await p.getByText('This code was used already.').waitFor()
  await button('Back').click()
  await insert(200, 50, 20)
  await heading('Paid. Have a good trip.')
  await until('the receipt says it', () => { const t = slips().at(-1).text; return /Taken off by shops +-1\.50/.test(t) && /Paid by a credit slip +-0\.90/.test(t) && /Paid now, cash +2\.70/.test(t) })
  await done()

  // (8) They drive out; whoever had lost the ticket with the one that was printed instead.
  for (const [plate, ticket] of [['DDAB1', first], ['DDCD2', second], ['DDKM208', again], ['DDEF4', fourth]]) {
    const v = await finish(twin, await arrive(twin, 'exit-1', {credential: ticket, plate}))
    check(v.outcome === 'passed', `${plate} drives out: ${JSON.stringify(v)}`)
  }

  // (9) The small coins are put back, the box is counted, and it balances.
  await staff()
  await p.getByText('4 payments').waitFor()
  for (const [n, then] of [[1, 52], [2, 51], [3, 51]]) await fill(n, 50, then)
  await border('link')
  await button('Count and close the shift').click()
  for (const [note, count] of [['€20', 1], ['€10', 1], ['€5', 1]]) await p.locator('.counts label', {hasText: new RegExp(`^${note}$`)}).locator('input').fill(`${count}`)
  await see('count')
  await button('Close the shift').click()
  await p.getByText('It balances.').waitFor()
  await see('closed')
  await lock()

  // (10) The cloud is back. Nothing is failing any more, and the books have everything, once.
  await stack.on('cloud')
  await border('none')
  await see('back')
  await o.goto(`${base}/owner/#/money/shifts`)
  const row = o.locator('tbody tr', {hasText: 'kiosk-1'})
  await row.waitFor({timeout: 60_000})
  const shift = await row.innerText()
  check(shift.includes(stack.staff) && shift.includes('4') && /€35\.00[\s\S]*€35\.00[\s\S]*€0\.00/.test(shift), `the shift in the books: ${shift}`)
  await seen('shifts')
  const get = path => o.evaluate(async path => { const got = await fetch(path, {headers: {Accept: 'application/json'}}); if (!got.ok) throw new Error(`${path}: ${got.status}`); return got.json() }, path)
  const {shifts} = await get(`/owner/shifts?parking=${where}`)
  check(shifts.length === 1 && shifts[0].payments === 4, `${JSON.stringify(shifts)}`)
  const {sessions} = await get(`/owner/sessions?parking=${where}`)
  check(sessions.length === 4 && sessions.every(s => s.walk_in && s.left_at && s.due?.minor === 510 && !(s.owed?.minor > 0)), `the stays: ${JSON.stringify(sessions)}`)
  const {shops} = await get(`/owner/parkings/${where}/shops`)
  check(shops.length === 1 && shops[0].used === 1 && shops[0].owed.minor === 150, `the shop: ${JSON.stringify(shops)}`)
  const {postings} = await get(`/owner/ledger?parking=${where}&limit=200`)
  const on = account => postings.filter(x => x.account === account).map(x => x.amount.minor).sort((a, b) => a - b)
  const sum = list => list.reduce((a, b) => a + b, 0)
  // In the machine: the float, less what was taken out and put back, what was paid, the slip's money; less the box.
  check(sum(on('cash')) === 19_000 + 4 * 510 - 150 - 90 + 90 - 3500, `in the machine by the books: ${on('cash')}`)
  check(postings.filter(x => x.kind === 'cash_in' && x.account === 'cash').map(x => x.amount.minor).sort((a, b) => a - b).join() === '90,270,510,510,510', `each payment once: ${JSON.stringify(postings.filter(x => x.kind === 'cash_in'))}`)
  check(sum(on('safe')) === 3500 - 19_000, `with the staff: ${on('safe')}`)
  check(on('shops').join() === '150', `the shop owes ${on('shops')}`)
  check(sum(on('change_credit')) === 0 && sum(on('receivable')) === 0 && sum(on('cash_difference')) === 0, `left over: ${on('change_credit')}; ${on('receivable')}; ${on('cash_difference')}`)
  check(sum(on('revenue')) + sum(on('tax_payable')) === -4 * 510, `earned: ${on('revenue')} and ${on('tax_payable')}`)
  check(sum(postings.map(x => x.amount.minor)) === 0, 'the books do not balance')
  const inside = device()
  check(sum(on('cash')) === sum(inside.hoppers.map(h => h.value * h.count)) + sum((inside.box ?? []).map(b => b.value * b.count)), `the books have ${sum(on('cash'))}, the machine ${JSON.stringify(inside)}`)
  const {incidents} = await get(`/owner/incidents?parking=${where}`)
  check(incidents.length === 0, `incidents: ${JSON.stringify(incidents)}`)
  for (const [name, hash, there] of [['money', '#/money', /Money/], ['stays', '#/sessions', /Stays/], ['shop-after', `#/config/${where}/shops`, /1 of 3 codes used/], ['incidents', '#/incidents', /Incidents/]]) {
    await o.goto(`${base}/owner/${hash}`)
    await o.getByText(there).first().waitFor()
    await until(`${name} is there`, async () => (await o.locator('[aria-busy=true]').count()) === 0)
    await seen(name)
  }
})
rmSync(dir, {recursive: true, force: true})
