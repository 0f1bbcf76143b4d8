// What the browser tests share: the real programs, a real Chromium, and what must
// hold of every page: no accessibility violation, no word on the console, nothing
// wider than the screen.
import {spawn} from 'node:child_process'
import {createRequire} from 'node:module'
import {mkdirSync, mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {createServer} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {chromium} from 'playwright-core'

export const here = p => fileURLToPath(new URL(p, import.meta.url))
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
export const pictures = here('../.artefacts/')
mkdirSync(pictures, {recursive: true})

/** What was wrong; a test that ends with any has failed. */
export const wrong = []
export const check = (good, what) => { if (!good) wrong.push(what) }

/** Sizes that every page is looked at in. */
export const sizes = {narrow: {width: 320, height: 640}, phone: {width: 390, height: 844}, tablet: {width: 820, height: 1180}, desktop: {width: 1440, height: 900}}

const ended = []
const pages = new Map()

/** Waits for a condition; throws with its name when it does not come. */
export async function until(what, f, ms = 30_000) {
  for (const end = Date.now() + ms; ;) {
    let got
    try { got = await f() } catch { /* not yet */ }
    if (got) return got
    if (Date.now() > end) throw new Error(`${what}: not within ${ms / 1000} s`)
    await new Promise(ok => setTimeout(ok, 50))
  }
}

/** Starts a program and ends it with the test. */
export function start(name, args, options = {}) {
  const p = spawn(here(`../../../bin/${name}`), args, {stdio: ['ignore', 'pipe', 'pipe'], ...options})
  let said = ''
  for (const s of [p.stdout, p.stderr]) s.on('data', d => { said = (said + d).slice(-20_000) })
  const gone = new Promise(ok => p.once('exit', ok))
  ended.push(async () => { p.kill(); await gone })
  return {process: p, said: () => said, gone}
}

/** Runs a program to its end and returns what it printed. */
export async function run(name, args) {
  const p = start(name, args)
  const code = await p.gone
  if (code !== 0) throw new Error(`${name} ${args.join(' ')} ended with ${code}: ${p.said()}`)
  return p.said()
}

/** A port that nobody listens on now. */
export function freePort() {
  return new Promise((ok, no) => {
    const s = createServer().once('error', no).listen(0, '127.0.0.1', () => { const {port} = s.address(); s.close(() => ok(port)) })
  })
}

/** A whole cloud of its own with an empty database. `features` are car parks for openlot import. */
export async function cloud(features, more = []) {
  const dir = mkdtempSync(join(tmpdir(), 'openlot-e2e-'))
  ended.unshift(() => rmSync(dir, {recursive: true, force: true}))
  const port = await freePort(), base = `http://localhost:${port}` // passkeys want a name
  const p = start('openlot', ['serve', '--data-dir', dir, '--http', `127.0.0.1:${port}`, '--public-url', base, '--admin', '127.0.0.1:0', '--mqtt', '127.0.0.1:0', ...more])
  await until('the cloud is ready', async () => (await fetch(`${base}/readyz`)).ok, 120_000)
  if (features) await park(dir, features)
  return {base, dir, ...p, park: f => park(dir, f)}
}

async function park(dir, features) {
  const {writeFileSync} = await import('node:fs')
  const file = join(dir, 'parkings.geojson')
  writeFileSync(file, JSON.stringify({type: 'FeatureCollection', features}))
  await run('openlot', ['import', '--data-dir', dir, file])
}

/** A car park for openlot import. */
export const feature = (id, name, [lat, lon], capacity, more = {}) => ({
  type: 'Feature', geometry: {type: 'Point', coordinates: [lon, lat]},
  properties: {id, name, city: 'Dresden', address: `${name} 1`, tz: 'Europe/Berlin', kind: 'underground', capacity, ...more},
})

/** Mails of the built-in inbox to an address, the newest first: {subject, text, html, …}. */
export async function mails(base, to) {
  const json = async path => (await fetch(base + path, {headers: {Accept: 'application/json'}})).json()
  const {mails: all} = await json('/dev/mail')
  return Promise.all(all.filter(m => m.to.some(x => x.includes(to))).map(async m => { const got = await json(`/dev/mail/${m.id}`); return got.mail ?? got }))
}

/** The address in the newest mail to somebody that a pattern finds, at this cloud. */
export async function link(base, to, pattern) {
  return until(`a mail to ${to} with ${pattern}`, async () => {
    for (const m of await mails(base, to)) {
      const found = pattern.exec(m.text)
      if (found) return `${base}/${found[0]}`
    }
  }, 60_000)
}

let browser
/** Chromium, once. */
export async function chrome() {
  browser ??= await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  })
  return browser
}

/** A page in a context of its own whose console and failures are listened to. `expected` are texts that may come. */
export async function page(name, {size = 'desktop', expected = [], ...more} = {}) {
  const context = await (await chrome()).newContext({viewport: sizes[size], reducedMotion: 'reduce', locale: 'en-GB', ...more})
  // The page's own policy is in force: what it forbids is an error, said with what and where.
  await context.addInitScript(() => document.addEventListener('securitypolicyviolation', e => console.error(`policy: ${e.violatedDirective} forbids ${e.blockedURI} in ${e.sourceFile}:${e.lineNumber}`)))
  const p = await context.newPage()
  const known = text => expected.some(e => text.includes(e))
  p.on('console', m => { if ((m.type() === 'error' || m.type() === 'warning') && !known(m.text())) wrong.push(`${name}: console: ${m.text()}`) })
  p.on('pageerror', e => wrong.push(`${name}: ${e.message}`))
  if (process.env.E2E_DEBUG) p.on('response', async r => { if (r.status() >= 400) console.log(name, r.status(), r.request().method(), r.url(), r.request().postData() ?? '', await r.text().catch(() => '')) })
  pages.set(name, p)
  return p
}

/** What holds of every page; keeps a picture under the name. */
export async function look(p, name) {
  await p.evaluate(() => document.fonts.ready)
  const wide = await p.evaluate(() => document.documentElement.scrollWidth - innerWidth)
  check(wide <= 0, `${name}: ${wide} px wider than the screen`)
  await p.screenshot({path: `${pictures}${name}.png`, fullPage: true})
}

/** Text at twice its size (WCAG 1.4.4): nothing is wider than the screen. Keeps a picture under the name, and puts the text back. */
export async function widthAt200(p, name = 'text at 200 %') {
  await p.evaluate(() => { document.documentElement.style.fontSize = '200%' })
  await p.evaluate(() => document.fonts.ready)
  const wide = await p.evaluate(() => {
    const over = document.documentElement.scrollWidth - innerWidth
    const who = over > 0 ? [...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1).slice(0, 4).map(e => `${e.tagName.toLowerCase()}.${e.className}`) : []
    return {over, who}
  })
  check(wide.over <= 0, `${name}: ${wide.over} px wider than the screen: ${wide.who.join(', ')}`)
  await p.screenshot({path: `${pictures}${name}.png`, fullPage: true})
  await p.evaluate(() => { document.documentElement.style.fontSize = '' })
  return wide.over
}

/** What has the focus now: its words, or BODY. */
export const focused = p => p.evaluate(() => (document.activeElement === document.body ? 'BODY' : (document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '').replace(/\s+/g, ' ').trim()))

/** Goes on by Tab until what has the focus fits. */
export async function tabTo(p, pattern, most = 80) {
  for (let i = 0; i < most; i++) {
    await p.keyboard.press('Tab')
    if (pattern.test(await focused(p))) return
  }
  throw new Error(`${pattern} is not reached by ${most} Tabs`)
}

/** Tabs through a page: what has the focus is not under a bar that is fixed at the bottom. */
export async function uncovered(p, name, bar = '.stickybar', steps = 40) {
  check(await p.locator(bar).evaluate(b => getComputedStyle(b).position) === 'fixed', `${name}: ${bar} is not fixed`)
  await p.evaluate(() => { scrollTo(0, 0); document.getElementById('main').focus() })
  let below = 0
  for (let i = 0; i < steps; i++) {
    await p.keyboard.press('Tab')
    const at = await p.evaluate(bar => {
      const e = document.activeElement, b = document.querySelector(bar), r = e.getBoundingClientRect()
      if (e === document.body || b.contains(e)) return null
      return {what: e.outerHTML.slice(0, 80), over: r.bottom - b.getBoundingClientRect().top, scrolled: scrollY}
    }, bar)
    if (at && at.scrolled > 0) below++
    if (at && at.over > 1) check(false, `${name}: ${Math.round(at.over)} px under the bar: ${at.what}`)
  }
  check(below > 0, `${name}: the page never scrolled`)
}

/** Runs axe. It is put in by the debugger, to which the page's policy does not apply. */
export async function accessible(p, name) {
  const debug = await p.context().newCDPSession(p)
  await debug.send('Runtime.evaluate', {expression: axe})
  await debug.detach()
  const {violations} = await p.evaluate(() => globalThis.axe.run())
  for (const v of violations) wrong.push(`${name}: axe ${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map(n => n.html.slice(0, 120)).join(' | ')}`)
}

/** Runs a test, ends all that it started, and fails if anything was wrong. */
export async function test(name, f) {
  try {
    await f()
  } catch (e) {
    wrong.push(`${name}: ${e.stack}`)
    for (const [at, p] of pages) if (!p.isClosed()) await p.screenshot({path: `${pictures}failed-${at}.png`}).catch(() => {})
  }
  await browser?.close()
  for (const end of ended.reverse()) await end()
  if (wrong.length) {
    console.error(wrong.join('\n'))
    process.exit(1)
  }
  console.log(`${name}: nothing wrong; pictures in ${pictures}`)
}
