// Draws the icon of the iOS app, 1024 px without transparency, in Chromium: two bays,
// one of them yours. Run by hand when the mark changes: node stores/icon.mjs
import {fileURLToPath} from 'node:url'
import {chromium} from 'playwright-core'

const out = fileURLToPath(new URL('ios/Openlot/Assets.xcassets/AppIcon.appiconset/icon-1024.png', import.meta.url))
const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-8 -12 46 46" width="1024" height="1024"><rect x="-8" y="-12" width="46" height="46" fill="#fcfdfd"/>
<path d="M2 1v19h26V1M15 1v19" fill="none" stroke="#131c24" stroke-width="3.2"/><rect x="18.6" y="2" width="6" height="13.5" rx="1.4" fill="#fbd62e" stroke="#8a6d1b"/><rect x="5.4" y="2" width="6" height="13.5" rx="1.4" fill="#131c24"/></svg>`
const browser = await chromium.launch({executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--headless', '--no-sandbox', '--disable-gpu']})
const page = await browser.newPage({viewport: {width: 1024, height: 1024}})
await page.setContent(`<style>body{margin:0}svg{display:block}</style>${svg}`)
await page.screenshot({path: out})
await browser.close()
