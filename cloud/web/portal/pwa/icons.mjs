// Draws the PNG icons from icon.svg; run it when the mark changes: node portal/pwa/icons.mjs
import {readFileSync} from 'node:fs'
import {fileURLToPath} from 'node:url'
import {chromium} from 'playwright-core'

const here = name => fileURLToPath(new URL(name, import.meta.url))
const svg = readFileSync(here('icon.svg'), 'utf8')
// A mask may cut all but the middle four fifths, and fills the corners itself.
const maskable = svg.replace('viewBox="-3 -7 36 36"', 'viewBox="-12 -16 54 54"').replace('<rect x="-3" y="-7" width="36" height="36" rx="7"', '<rect x="-12" y="-16" width="54" height="54"')
const whole = svg.replace(' rx="7"', '') // the phone rounds it

const browser = await chromium.launch({executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--headless', '--no-sandbox', '--disable-gpu']})
for (const [name, size, drawing] of [['icon-180', 180, whole], ['icon-192', 192, svg], ['icon-512', 512, svg], ['icon-maskable-512', 512, maskable]]) {
  const page = await browser.newPage({viewport: {width: size, height: size}})
  await page.setContent(`<style>body{margin:0;background:transparent}svg{display:block;width:${size}px;height:${size}px}</style>${drawing}`)
  await page.screenshot({path: here(`${name}.png`), omitBackground: true})
  await page.close()
}
await browser.close()
