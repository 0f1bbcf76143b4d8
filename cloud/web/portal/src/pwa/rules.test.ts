import {expect, test} from 'vitest'
import {how, kept} from './rules.ts'

const origin = 'https://park.example.org'
const ask = (path: string, method = 'GET') => how({method, url: path.startsWith('http') ? path : origin + path}, origin)

test('the page, the built files, and nothing else', () => {
  expect([ask('/'), ask('/?utm=1'), ask('/portal/index.html')]).toEqual(['page', 'page', 'page'])
  expect([ask('/portal/assets/index-Ab3_-9xY.js'), ask('/portal/icon-192.png')]).toEqual(['file', 'file'])
  for (const api of ['/parkings?q=x', '/parking?id=a', '/me', '/reservations/res_1', '/reservations/res_1/pass', '/keys', '/portal/sw.js', '/basemap.pmtiles', '/design', '/assets/app.js', '/dev/mail']) expect(ask(api), api).toBe('leave')
  expect(ask('/', 'POST')).toBe('leave')
  expect(ask('https://tiles.example.org/')).toBe('leave')
})

test('what is large and useless without a line is not kept', () => {
  expect(['assets/Map-x.js', 'assets/barlow.woff2', 'icon.svg'].every(kept)).toBe(true)
  expect(['assets/maplibre-gl-csp-worker-x.js', 'assets/Tiles-x.js', 'assets/a.js.map'].some(kept)).toBe(false)
})
