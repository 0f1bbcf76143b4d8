// Accounts in the portal: from the mail to a session that is ended elsewhere.
import {createHmac} from 'node:crypto'
import {accessible, check, cloud, feature, focused, link, look, page, sizes, test, until} from './lib.mjs'

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

const refused = ['401', '403', '404', '410', '422', '429'].map(s => `status of ${s}`)
const jana = 'jana.richter@posteo.example', secret = 'parken mit Lust 7', second = 'anders parken 8', third = 'wieder anders 9'

await test('account', async () => {
  const c = await cloud([feature('altmarkt', 'Altmarkt', [51.05, 13.738], 2)])
  const see = async (p, name) => { await look(p, name); await accessible(p, name) }
  /** One page in other sizes, and in the dark. */
  const everywhere = async (p, name, also) => {
    const was = p.viewportSize()
    for (const size of also) {
      await p.setViewportSize(sizes[size])
      await see(p, `${name}-${size}`)
    }
    await p.emulateMedia({colorScheme: 'dark'})
    await until('it is dark', () => p.evaluate(() => document.documentElement.dataset.theme === 'dark'))
    await see(p, `${name}-${also.at(-1)}-dark`)
    await p.emulateMedia({colorScheme: 'light'})
    await p.setViewportSize(was)
  }
  const at = async (p, what, name) => { await until(`the focus is at ${name}`, async () => what.test(await focused(p))) }
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
  await at(p, /^Look into your mail$/, 'what was done')
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
  await at(p, /^Scan this/, 'what is to be done')
  const key = (await p.locator('.stack .code').first().innerText())
  await see(p, 'totp-phone')
  await p.getByLabel('Then type the code').fill(code(key))
  await p.getByRole('button', {name: 'Confirm'}).click()
  await p.locator('.recovery').waitFor()
  const recovery = await p.locator('.recovery li').allInnerTexts()
  check(recovery.length === 10, `${recovery.length} recovery codes`)
  await at(p, /^Recovery codes$/, 'the codes')
  await see(p, 'recovery-phone')
  await p.getByRole('button', {name: 'I have them'}).click()
  await at(p, /^Make new ones$/, 'where new ones are made')

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
    await until('the code’s field has the focus', () => q.evaluate(() => document.activeElement?.autocomplete === 'one-time-code'))
    await q.getByLabel('Code of your authenticator').fill(recovery[0])
    await q.getByRole('button', {name: 'Sign in', exact: true}).click()
  })
  await see(q, 'account-desktop')
  await p.reload()
  await p.getByRole('heading', {name: 'Where you are signed in'}).waitFor()
  await until('two sessions are listed', async () => await p.locator('.sessions li').count() === 2)
  await see(p, 'account-phone')
  await everywhere(p, 'account', ['narrow', 'landscape', 'tablet'])
  await p.locator('.sessions').getByRole('button').click()
  await until('one is left', async () => await p.locator('.sessions li').count() === 1)
  await at(p, /^Nowhere else\.$/, 'the sentence that there is none')
  // Whatever is pressed there tells that it is over.
  await q.getByLabel('by mail').click()
  await q.getByRole('heading', {name: 'Sign in to see your account'}).waitFor()
  await q.getByText('Your session has ended.').waitFor()
  await see(q, 'account-ended-desktop')
  await p.reload()
  await p.getByRole('heading', {name: 'Where you are signed in'}).waitFor()
  check(await p.getByLabel('by mail').isChecked(), 'what was pressed after the end was kept')

  // The authenticator and the passkey go; a new password takes the place of the old one.
  await p.getByRole('button', {name: 'Remove', exact: true}).click()
  await at(p, /^Set up$/, 'where one is set up')
  await p.locator('.passkeys').getByRole('button').click()
  await at(p, /^Add a passkey$/, 'where one is added')
  await p.getByRole('button', {name: 'Set a new password'}).click()
  await p.getByLabel('Present password').fill('not the password')
  await p.getByLabel('New password').fill(second)
  await p.locator('form', {has: p.getByLabel('Present password')}).getByRole('button', {name: 'Save'}).click()
  await p.getByText('This is not your present password.').waitFor()
  await see(p, 'account-password-phone')
  await p.getByLabel('Present password').fill(secret)
  await p.locator('form', {has: p.getByLabel('Present password')}).getByRole('button', {name: 'Save'}).click()
  await p.getByText('All other devices are signed out.').waitFor()
  await at(p, /^Set a new password$/, 'the button that began')

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

  // A forgotten password, by mail. Who asks too often is told when to come again.
  const r = await page('account forgotten', {size: 'phone', expected: refused})
  await r.goto(`${c.base}/#/login`)
  await r.getByLabel('E-mail').waitFor()
  await everywhere(r, 'login', ['phone', 'narrow', 'landscape', 'desktop', 'tablet'])
  await r.getByRole('link', {name: 'Set a new password'}).click()
  await r.getByRole('heading', {name: 'Set a new password'}).waitFor()
  await everywhere(r, 'forgot', ['phone', 'narrow', 'landscape', 'desktop', 'tablet'])
  await r.getByLabel('E-mail').fill(jana)
  await r.getByRole('button', {name: 'Send me the link'}).click()
  await r.getByText('Its link is good for an hour.').waitFor()
  const reset = await link(c.base, jana, /#\/reset\?token=[a-z2-7]+/)
  const again = () => r.getByRole('button', {name: /^Send it again/})
  for (let i = 0; i < 4 && !/ in /.test(await again().innerText()); i++) {
    await Promise.all([r.waitForResponse(x => x.url().endsWith('/password/forgot')), again().click()])
    await until('it was answered', async () => await again().count() === 1)
  }
  check(/^Send it again in (1 hour|5\d minutes)$/.test(await again().innerText()), `when it can be sent again: ${await again().innerText()}`)
  await r.getByText(/^Wait (1 hour|5\d minutes), then try again\./).waitFor()
  await see(r, 'forgot-throttled-phone')

  await r.goto(reset)
  await r.getByRole('heading', {name: 'A new password'}).waitFor()
  check(await r.evaluate(() => location.hash === '#/reset'), 'the token stays in the address')
  await everywhere(r, 'reset', ['phone', 'narrow', 'landscape', 'desktop', 'tablet'])
  await r.getByLabel('New password').fill(third)
  await r.getByRole('button', {name: 'Save'}).click()
  await r.getByRole('heading', {name: 'Where you are signed in'}).waitFor() // no code is asked for any more
  await p.goto(reset)
  await p.getByLabel('New password').fill(third)
  await p.getByRole('button', {name: 'Save'}).click()
  await p.getByText('This link is too old, or was used already.').waitFor() // once
  await see(p, 'reset-used-phone')

  await r.goto(`${c.base}/#/nowhere/at/all`)
  await r.getByRole('heading', {name: 'There is nothing at this address'}).waitFor()
  await everywhere(r, 'unknown', ['phone', 'desktop'])

  // The account is closed, and opens no more.
  await r.goto(`${c.base}/#/account`)
  await r.getByRole('button', {name: 'Close the account'}).click()
  await until('the question has the focus', () => r.evaluate(() => document.activeElement?.matches('.note') && document.activeElement.textContent.includes('Close your account?')))
  await see(r, 'account-close-phone')
  await r.getByRole('button', {name: 'Keep it'}).click()
  await at(r, /^Close the account$/, 'the button that asked')
  await r.getByRole('button', {name: 'Close the account'}).click()
  await r.getByRole('button', {name: 'Close it for good'}).click()
  await r.getByRole('heading', {name: 'Your account is closed'}).waitFor()
  await see(r, 'account-closed-phone')
  await r.goto(`${c.base}/#/login`)
  await r.getByLabel('E-mail').fill(jana)
  await r.getByLabel('Password').fill(third)
  await r.getByRole('button', {name: 'Sign in', exact: true}).click()
  await r.getByText('Address and password do not belong together').waitFor()
})
