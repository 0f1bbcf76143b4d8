// Accounts in the portal: from the mail to a session that is ended elsewhere.
import {createHmac} from 'node:crypto'
import {accessible, check, cloud, feature, link, look, page, test, until} from './lib.mjs'

/** The code of an authenticator at a time (RFC 6238). */
function code(secret, at = Date.now()) {
  const bits = [...secret.replace(/\s/g, '')].map(c => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map(b => parseInt(b, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)))
  const sum = createHmac('sha1', key).update(counter).digest()
  const n = sum.readUInt32BE(sum[19] & 15) & 0x7fffffff
  return String(n % 1_000_000).padStart(6, '0')
}

const refused = ['401', '403', '404', '422', '429'].map(s => `status of ${s}`)
const jana = 'jana.richter@posteo.example', secret = 'parken mit Lust 7'

await test('account', async () => {
  const c = await cloud([feature('altmarkt', 'Altmarkt', [51.05, 13.738], 2)])
  const see = async (p, name) => { await look(p, name); await accessible(p, name) }
  const p = await page('account', {size: 'phone', expected: refused})

  await p.goto(`${c.base}/#/account`)
  await p.getByRole('heading', {name: 'Sign in to see your account'}).waitFor()
  await p.getByRole('main').getByRole('link', {name: 'Make an account'}).click()
  await p.getByLabel('E-mail').fill('jana')
  await p.getByRole('button', {name: 'Send me the link'}).click()
  await p.getByText('Type your address, such as').waitFor()
  await see(p, 'signup-phone')
  await p.getByLabel('E-mail').fill(jana)
  await p.getByRole('button', {name: 'Send me the link'}).click()
  await p.getByRole('heading', {name: 'Look into your mail'}).waitFor()
  await see(p, 'signup-sent-phone')

  await p.goto(await link(c.base, jana, /#\/verify\?token=[a-z2-7]+/))
  await p.getByLabel('New password').fill('1234567890')
  await p.getByRole('button', {name: 'Save'}).click()
  await p.getByText('nothing that is easy to guess').waitFor()
  await until('a weak password is refused', () => p.locator('[aria-invalid=true]').count())
  await see(p, 'verify-phone')
  await p.getByLabel('New password').fill(secret)
  await p.getByRole('button', {name: 'Save'}).click()
  await p.getByRole('heading', {name: 'Where you are signed in'}).waitFor() // whoever sets the password is signed in by it
  await p.getByRole('button', {name: 'Sign out', exact: true}).first().click()
  await p.getByRole('banner').getByRole('link', {name: 'Sign in'}).waitFor()
  await p.goto(`${c.base}/login`) // the # is forgotten
  await p.waitForURL(`${c.base}/#/login`)
  await p.getByLabel('E-mail').waitFor()

  // Wrong passwords say nothing of who exists, and are slowed down.
  const said = async email => {
    await p.getByLabel('E-mail').fill(email)
    await p.getByLabel('Password').fill('not the password')
    const [answer] = await Promise.all([p.waitForResponse(r => r.url().endsWith('/login')), p.getByRole('button', {name: 'Sign in', exact: true}).click()])
    await until('the answer is shown', async () => await p.locator('.note.wrong').count() && !await p.getByText('Asking…').count())
    return `${answer.status()} ${await p.locator('.note.wrong').innerText()}`
  }
  const known = await said(jana), stranger = await said('nobody@posteo.example')
  check(known === stranger, `a log-in tells who exists: ${known} / ${stranger}`)
  check(known.startsWith('401'), known)
  let last = ''
  for (let i = 0; i < 12 && !last.startsWith('429'); i++) last = await said('throttled@posteo.example')
  check(last.startsWith('429') && last.includes('too many tries'), `after a dozen tries: ${last}`)
  await see(p, 'login-throttled-phone')

  const enter = async (q, more) => {
    await q.goto(`${c.base}/#/login?then=%23%2Faccount`)
    await q.getByLabel('E-mail').fill(jana)
    await q.getByLabel('Password').fill(secret)
    await q.getByRole('button', {name: 'Sign in', exact: true}).click()
    await more?.()
    await q.getByRole('heading', {name: 'Where you are signed in'}).waitFor()
  }
  await enter(p)
  await p.getByLabel('Name').fill('Jana Richter')
  await p.getByLabel('Name').blur()
  await p.getByText('Saved.').first().waitFor()
  await p.getByLabel('Add a plate').fill('dd-ol 417')
  await p.getByRole('button', {name: 'Save', exact: true}).click()
  await p.getByText('DDOL417').waitFor()

  const out = async () => {
    await p.getByRole('button', {name: 'Sign out', exact: true}).first().click()
    await until('the first page comes', () => p.evaluate(() => location.hash === '#/'))
  }
  // A second factor.
  await p.getByRole('button', {name: 'Set up'}).click()
  const key = (await p.locator('.stack .code').first().innerText())
  await see(p, 'totp-phone')
  await p.getByLabel('Then type the code').fill(code(key))
  await p.getByRole('button', {name: 'Confirm'}).click()
  await p.locator('.recovery').waitFor()
  const recovery = await p.locator('.recovery li').allInnerTexts()
  check(recovery.length === 10, `${recovery.length} recovery codes`)
  await see(p, 'recovery-phone')
  await p.getByRole('button', {name: 'I have them'}).click()

  // A passkey of this device, which is then enough.
  const cdp = await p.context().newCDPSession(p)
  await cdp.send('WebAuthn.enable')
  await cdp.send('WebAuthn.addVirtualAuthenticator', {options: {protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true}})
  await p.getByRole('button', {name: 'Add a passkey'}).click()
  await p.locator('.passkeys li').waitFor()
  await out()
  await p.goto(`${c.base}/#/login?then=%23%2Faccount`)
  await p.getByRole('button', {name: 'Sign in with a passkey'}).click()
  await p.locator('.passkeys li').waitFor()

  // Another device, which has to show it, and is signed out from here.
  const q = await page('account elsewhere', {expected: refused})
  await enter(q, async () => {
    await q.getByLabel('Code of your authenticator').fill(recovery[0])
    await q.getByRole('button', {name: 'Sign in', exact: true}).click()
  })
  await see(q, 'account-desktop')
  await p.reload()
  await p.getByRole('heading', {name: 'Where you are signed in'}).waitFor()
  await until('two sessions are listed', async () => await p.locator('.sessions li').count() === 2)
  await see(p, 'account-phone')
  await p.locator('.sessions').getByRole('button').click()
  await until('one is left', async () => await p.locator('.sessions li').count() === 1)
  await q.reload()
  await q.getByRole('heading', {name: 'Sign in to see your account'}).waitFor()

  // In German and in the dark.
  const d = await page('account in German', {size: 'tablet', locale: 'de-DE', colorScheme: 'dark', expected: refused})
  await d.goto(`${c.base}/#/signup`)
  await d.getByRole('heading', {name: 'Konto anlegen'}).waitFor()
  await see(d, 'signup-tablet-dark-de')

  // Who signs out here is signed out in another tab, too, and it says so.
  const tab = await p.context().newPage()
  await tab.goto(`${c.base}/#/account`)
  await tab.getByRole('heading', {name: 'Where you are signed in'}).waitFor()
  await p.bringToFront()
  await out()
  await tab.getByRole('heading', {name: 'Sign in to see your account'}).waitFor()
  await tab.close()
  await p.goto(`${c.base}/#/account`)
  await p.getByRole('heading', {name: 'Sign in to see your account'}).waitFor()
})
