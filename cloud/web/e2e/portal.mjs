// The portal on a real cloud.
import {accessible, cloud, feature, look, page, test} from './lib.mjs'

await test('portal', async () => {
  const c = await cloud([feature('altmarkt', 'Altmarkt', [51.05, 13.738], 2)])
  for (const size of ['phone', 'desktop']) {
    const p = await page(`settings-${size}`, {size})
    await p.goto(`${c.base}/#/settings`)
    await p.getByRole('heading', {name: 'Language and look'}).waitFor()
    await look(p, `settings-${size}`)
    await accessible(p, `settings-${size}`)
    await p.context().close()
  }
})
