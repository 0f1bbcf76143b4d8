// Looks at the built page of the parts in a real Chromium, in three sizes and three
// colours, and moves the kerb by keys and by pointer. Pictures go to .artefacts, to
// be looked at by a person.
import {accessible, look as seen, page, start, test, until, wrong} from './lib.mjs'

const server = start('openlot-web', [])
const base = await until('openlot-web tells its address', () => /http:\S+/.exec(server.said())?.[0])

async function look(width, theme, lang) {
  const name = `parts-${width}-${theme}-${lang}`
  const p = await page(name, {viewport: {width, height: 900}})
  p.on('requestfailed', r => wrong.push(`${name}: ${r.url()} failed`))
  await p.goto(`${base}/design?theme=${theme}&lang=${lang}`)
  await p.waitForSelector('.card')
  const first = p.locator('.kerb [role=slider]').first()
  const value = async () => Number(await first.getAttribute('aria-valuenow'))
  const start = await value()
  await first.focus()
  for (const [key, by] of [['ArrowRight', 15], ['PageUp', 75], ['ArrowLeft', 60], ['PageDown', 0]]) {
    await p.keyboard.press(key)
    if (await value() !== start + by) wrong.push(`${name}: ${key} led to ${await value() - start} minutes, not ${by}`)
  }
  const box = await first.boundingBox()
  await p.mouse.move(box.x + box.width / 2, box.y + box.height / 2)
  await p.mouse.down()
  await p.mouse.move(box.x + 60, box.y + 5, {steps: 5})
  await p.mouse.up()
  const dragged = await value() - start
  if (dragged <= 0 || dragged % 15) wrong.push(`${name}: dragging led to ${dragged} minutes`)
  await p.evaluate(() => document.activeElement.blur())
  await seen(p, name)
  await p.context().close()
  return {name, width, theme, lang}
}

async function axeOn({name, width, theme, lang}) {
  const p = await page(name, {viewport: {width, height: 900}})
  await p.goto(`${base}/design?theme=${theme}&lang=${lang}`)
  await p.waitForSelector('.card')
  await accessible(p, name)
  await p.context().close()
}

await test('parts', async () => {
  for (const width of [390, 820, 1440]) for (const theme of ['light', 'dark', 'contrast']) {
    await axeOn(await look(width, theme, theme === 'dark' ? 'de' : 'en'))
  }
})
