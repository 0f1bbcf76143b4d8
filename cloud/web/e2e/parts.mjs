// Looks at the built page of the parts in a real Chromium: no accessibility
// violation, no word on the console, nothing wider than the screen, the kerb by
// keys and by pointer. Pictures go to .artefacts, to be looked at by a person.
import {spawn} from 'node:child_process'
import {createRequire} from 'node:module'
import {mkdirSync, readFileSync} from 'node:fs'
import {fileURLToPath} from 'node:url'
import {chromium} from 'playwright-core'

const here = p => fileURLToPath(new URL(p, import.meta.url))
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const pictures = here('../.artefacts/')
mkdirSync(pictures, {recursive: true})

const server = spawn(here('../../../bin/openlot-web'), [], {stdio: ['ignore', 'pipe', 'inherit']})
const base = await new Promise((ok, no) => {
  server.stdout.once('data', d => ok(String(d).trim()))
  server.once('exit', code => no(new Error(`openlot-web ended: ${code}`)))
})
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
})
const wrong = []

async function look(width, theme, lang) {
  const name = `parts-${width}-${theme}-${lang}`
  const context = await browser.newContext({viewport: {width, height: 900}, reducedMotion: 'reduce'})
  const page = await context.newPage()
  page.on('console', m => { if (m.type() === 'error' || m.type() === 'warning') wrong.push(`${name}: console: ${m.text()}`) })
  page.on('pageerror', e => wrong.push(`${name}: ${e.message}`))
  page.on('requestfailed', r => wrong.push(`${name}: ${r.url()} failed`))
  await page.goto(`${base}/design?theme=${theme}&lang=${lang}`)
  await page.waitForSelector('.card')
  await page.evaluate(() => document.fonts.ready)
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
  if (wide > 0) wrong.push(`${name}: ${wide} px wider than the screen`)
  const first = page.locator('.kerb [role=slider]').first()
  const value = async () => Number(await first.getAttribute('aria-valuenow'))
  const start = await value()
  await first.focus()
  for (const [key, by] of [['ArrowRight', 15], ['PageUp', 75], ['ArrowLeft', 60], ['PageDown', 0]]) {
    await page.keyboard.press(key)
    if (await value() !== start + by) wrong.push(`${name}: ${key} led to ${await value() - start} minutes, not ${by}`)
  }
  const box = await first.boundingBox()
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2)
  await page.mouse.down()
  await page.mouse.move(box.x + 60, box.y + 5, {steps: 5})
  await page.mouse.up()
  const dragged = await value() - start
  if (dragged <= 0 || dragged % 15) wrong.push(`${name}: dragging led to ${dragged} minutes`)
  await page.evaluate(() => document.activeElement.blur())
  await page.screenshot({path: `${pictures}${name}.png`, fullPage: true})
  await context.close()
  return {name, width, theme, lang}
}

// axe is put in past the policy, in a context of its own, which only it sees.
async function axeOn({name, width, theme, lang}) {
  const context = await browser.newContext({viewport: {width, height: 900}, reducedMotion: 'reduce', bypassCSP: true})
  const page = await context.newPage()
  await page.goto(`${base}/design?theme=${theme}&lang=${lang}`)
  await page.waitForSelector('.card')
  await page.evaluate(axe)
  const {violations} = await page.evaluate(() => globalThis.axe.run())
  for (const v of violations) wrong.push(`${name}: axe ${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map(n => n.html.slice(0, 120)).join(' | ')}`)
  await context.close()
}

try {
  for (const width of [390, 820, 1440]) for (const theme of ['light', 'dark', 'contrast']) {
    await axeOn(await look(width, theme, theme === 'dark' ? 'de' : 'en'))
  }
} finally {
  await browser.close()
  server.kill()
}
if (wrong.length) {
  console.error(wrong.join('\n'))
  process.exit(1)
}
console.log(`nothing wrong in 9 views; pictures in ${pictures}`)
