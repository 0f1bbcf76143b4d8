// The trends on the real programs: a week that a car park's display really showed, moved to
// where clocks change, told by an edge that was away for half of it. Every cell of the page is
// held against a recount from the display's readings, which is made here and shares nothing
// with the product: neither how it counts nor what it knows of time zones.
//
// With OPENLOT_SHARED_DATA (a folder with occupancy-2024-06-10_16.csv) it is a real car
// park's week, without it the sample.
import {createHmac} from 'node:crypto'
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {accessible, check, cloud, feature, here, link, look, page, run, sizes, test, until} from './lib.mjs'

const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR
const shared = process.env.OPENLOT_SHARED_DATA
delete process.env.OPENLOT_SHARED_DATA // it is for tests alone: the programs refuse what they do not know
const source = shared
  ? {file: join(shared, 'occupancy-2024-06-10_16.csv'), column: 'dresden-schiessgasse', capacity: 400}
  : {file: here('../../internal/replay/testdata/sample.csv'), column: 'sample', capacity: 40}

/** What the display showed: [time, spaces taken]; an empty cell is as before. */
function readings() {
  const [head, ...rows] = readFileSync(source.file, 'utf8').trim().split('\n').map(l => l.split(','))
  const at = head.indexOf(source.column), out = []
  for (const r of rows) {
    const free = r[at] === '' ? out.at(-1)?.free : Number(r[at])
    if (free !== undefined) out.push({at: Date.parse(r[0].replace('Z', ':00Z')), free})
  }
  return out.map(r => ({at: r.at, taken: Math.min(Math.max(source.capacity - r.free, 0), source.capacity)}))
}

// Berlin's clocks, by the rule itself: on the last Sundays of March and October at 01:00 UTC.
const change = (year, month) => { const d = new Date(Date.UTC(year, month + 1, 0, 1)); return d.getTime() - d.getUTCDay() * DAY }
const ahead = t => { const y = new Date(t).getUTCFullYear(); return t >= change(y, 2) && t < change(y, 9) ? 2 * HOUR : HOUR }
const day = t => new Date(t + ahead(t)).toISOString().slice(0, 10)
const hour = t => new Date(t + ahead(t)).getUTCHours()

/** The last change of a month whose week is over. */
const lately = month => { const y = new Date().getUTCFullYear(); return [y, y - 1].map(x => change(x, month)).find(t => t + 2 * DAY < Date.now()) }

/** The readings in the week of a change, in whole weeks from where they were. */
function moved(all, sunday) {
  const monday = Math.floor(sunday / DAY) * DAY - 6 * DAY
  const by = monday - Math.floor(all[0].at / DAY) * DAY
  if (by % (7 * DAY)) throw new Error('the readings do not begin on a Monday')
  return {monday, all: all.map(r => ({at: r.at + by, taken: r.taken}))}
}

/**
 * What each hour must be, told up to a time. When between two readings a vehicle moved nobody
 * knows: the mean of an hour lies between two bounds. How many came and went is exact.
 */
function recount(all, upTo) {
  const hours = new Map()
  let before = {at: all[0].at - 15 * MINUTE, taken: 0}
  for (const r of all) {
    if (r.at > upTo) break
    const t = Math.floor(before.at / HOUR) * HOUR
    if (r.at > t + HOUR) throw new Error('a step between readings goes over an hour')
    const h = hours.get(t) ?? {known: 0, least: 0, most: 0, came: 0, left: 0}
    const long = r.at - before.at, n = r.taken - before.taken
    h.known += long
    h.least += long * Math.min(r.taken, before.taken)
    h.most += long * Math.max(r.taken, before.taken)
    h.came += Math.max(n, 0)
    h.left += Math.max(-n, 0)
    hours.set(t, h)
    before = r
  }
  return hours
}

/** The days of a week by the clock: [{day, hours: [{label, at}]}]. */
function week(monday) {
  const days = []
  const first = monday - ahead(monday - 3 * HOUR) // the hour at which it begins in Berlin
  for (let t = first; days.length < 8; t += HOUR) {
    if (days.at(-1)?.day !== day(t)) days.push({day: day(t), hours: []})
    const label = String(hour(t)).padStart(2, '0'), today = days.at(-1).hours
    today.push({label: today.some(h => h.label === label) ? `${label}B` : label, at: t})
  }
  return days.slice(0, 7)
}

/** The heat map as a reader has it: by day, then by what stands over the column. */
const heat = p => p.locator('table.heat').evaluate(t => {
  const columns = [...t.querySelectorAll('thead th')].map(x => x.textContent.trim())
  return [...t.querySelectorAll('tbody tr')].map(row => Object.fromEntries([...row.querySelectorAll('td')].map((c, i) => [columns[i], {
    title: c.title, late: c.classList.contains('late'), none: c.classList.contains('gone'), words: [...c.querySelectorAll('.sr')].map(x => x.textContent).join(' '),
    text: [...c.childNodes].filter(x => x.nodeType === 3 || !x.classList?.contains('sr')).map(x => x.textContent).join('').trim(),
  }])))
})

const first = hours => Math.min(...hours.keys())
let widest = 0
/** Every difference between the page and the recount, as texts. */
function differences(shown, days, hours) {
  const out = []
  days.forEach((d, i) => {
    const row = shown[i] ?? {}
    for (const label of new Set([...Object.keys(row), ...d.hours.map(h => h.label)])) {
      const cell = row[label], h = d.hours.find(x => x.label === label), where = `${d.day} ${label}`
      if (!cell) { out.push(`${where}: no cell`); continue }
      if (!h) { if (!cell.none || cell.text) out.push(`${where}: ${cell.text || 'something'}, and there is no such hour`); continue }
      const want = hours.get(h.at)
      if (!want) { if (!/not known/.test(cell.words)) out.push(`${where}: ${cell.text}, and nobody knows`); continue }
      const least = want.least / want.known, most = want.most / want.known, percent = x => (100 * x) / source.capacity
      const n = Number(/percent, ([\d.,]+) of/.exec(cell.title)?.[1].replace(',', ''))
      if (h.at > first(hours)) widest = Math.max(widest, percent(most - least)) // before the first reading nothing was known
      if (!(n >= least - 0.0501 && n <= most + 0.0501)) out.push(`${where}: ${n} taken, not ${least.toFixed(1)} to ${most.toFixed(1)}`)
      const shownPercent = Number(cell.text)
      if (cell.text === '' || !(shownPercent >= Math.round(percent(least) - 0.051) && shownPercent <= Math.round(percent(most) + 0.051))) out.push(`${where}: ${cell.text} percent, not ${percent(least).toFixed(1)} to ${percent(most).toFixed(1)}`)
    }
  })
  return out
}

/** A column of the page's own table of days: numbers, and null where there is none. */
const column = (p, name) => p.locator('section', {has: p.getByRole('heading', {name: 'The numbers as a table'})}).locator('table').evaluate((t, name) => {
  const i = [...t.querySelectorAll('thead th')].findIndex(x => x.textContent === name)
  return [...t.querySelectorAll('tbody tr')].map(r => (r.children[i].textContent === '–' ? null : Number(r.children[i].textContent.replace(/[^\d.]/g, ''))))
}, name)

const code = (secret, at = Date.now()) => {
  const bits = [...secret].map(c => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('')
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)))
  const sum = createHmac('sha1', Buffer.from(bits.match(/.{8}/g).map(b => parseInt(b, 2)))).update(counter).digest()
  return String((sum.readUInt32BE(sum[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

/** An owner of the parkings that were imported, signed in with an authenticator. */
async function owner(c, p) {
  const email = 'greta@altstadt.example', password = 'parken mit Lust 7'
  const post = async (path, data) => { const r = await p.request.post(c.base + path, {data}); if (!r.ok()) throw new Error(`${path}: ${r.status()} ${await r.text()}`); return r.json().catch(() => ({})) }
  await post('/users', {email})
  const token = /token=([a-z2-7]+)/.exec(await link(c.base, email, /#\/verify\?token=[a-z2-7]+/))[1]
  await post('/users/verify', {token, password})
  await run('openlot', ['admin', 'user', '--data-dir', c.dir, email, '--role', 'owner', '--operator', 'Demo operator'])
  await post('/login', {email, password})
  const {secret} = await post('/me/totp')
  await post('/me/totp/confirm', {code: code(secret)})
}

await test('trends', async () => {
  const all = readings()
  const c = await cloud([
    feature('spring', 'Frühlingsgarage', [51.05, 13.738], source.capacity), feature('autumn', 'Herbstgarage', [51.06, 13.74], source.capacity),
  ])
  const p = await page('trends', {acceptDownloads: true})
  await owner(c, p)
  const see = async name => {
    for (const [size, view] of Object.entries(sizes)) {
      await p.setViewportSize(view)
      await look(p, `trends-${name}-${size}`)
      await accessible(p, `trends-${name}-${size}`)
    }
    await p.setViewportSize(sizes.desktop)
  }
  const replay = (at, monday, more = []) => run('openlot', ['admin', 'replay-occupancy', '--data-dir', c.dir, at, '--file', source.file, '--column', source.column, '--week', new Date(monday).toISOString().slice(0, 10), ...more])
  const right = async (what, days, hours) => {
    const wrong = differences(await heat(p), days, hours)
    check(wrong.length === 0, `${what}: ${wrong.length} cells differ: ${wrong.slice(0, 8).join('; ')}`)
    // Of a day that nobody has told of there is no number, and in particular not zero.
    const left = days.map(d => (d.hours.some(h => hours.has(h.at)) ? d.hours.reduce((n, h) => n + (hours.get(h.at)?.left ?? 0), 0) : null)), said = await column(p, 'Stays')
    check(JSON.stringify(said) === JSON.stringify(left), `${what}: stays by day are ${JSON.stringify(said)}, not ${JSON.stringify(left)}`)
    // How often each space was used, by day and in total.
    const used = left.map(n => (n === null ? null : n / source.capacity)), often = await column(p, 'Turnover')
    check(often.length === used.length && used.every((x, i) => (x === null ? often[i] === null : often[i] !== null && Math.abs(often[i] - x) <= 0.0051)), `${what}: turnover by day is ${JSON.stringify(often)}, not ${JSON.stringify(used)}`)
    const sum = used.reduce((n, x) => n + (x ?? 0), 0), total = Number(/^[\d.]+/.exec(await p.locator('.kpi > div', {has: p.getByText('Turnover', {exact: true})}).locator('.v').textContent())?.[0])
    check(Math.abs(total - sum) <= 0.0051, `${what}: turnover is ${total} in total, not ${sum.toFixed(4)}`)
  }

  for (const [at, month, long] of [['spring', 2, 23], ['autumn', 9, 25]]) {
    const sunday = lately(month), {monday, all: shown} = moved(all, sunday)
    const days = week(monday), last = days.at(-1)
    check(last.hours.length === long, `${at}: the recount's Sunday has ${last.hours.length} hours`)
    const address = `${c.base}/owner/#/trends/${at}?from=${days[0].day}&to=${last.day}`

    // The edge is away since Thursday, half past twelve: what it saw since nobody knows yet.
    const away = monday + 3 * DAY + 12.5 * HOUR
    await replay(at, monday, ['--until', new Date(away).toISOString().replace('.000', '')])
    await p.goto(address)
    await p.locator('table.heat').waitFor()
    await right(`${at}, while the edge is away`, days, recount(shown, away))
    if (at === 'autumn') await see('away')

    // It comes back and tells the rest. (Every quarter of a minute the cloud counts what it has: an hour
    // that it saw half is marked as counted anew, whichever that is.) The page is open, and nobody touches it.
    await replay(at, monday)
    const whole = recount(shown, Infinity)
    await until(`${at}: the page has the late hours`, async () => differences(await heat(p), days, whole).length === 0, 60_000).catch(e => check(false, e.message))
    await right(`${at}, after the late facts`, days, whole)
    const dotted = (await heat(p)).flatMap((r, i) => Object.entries(r).filter(([, x]) => x.late).map(([label]) => days[i].hours.find(h => h.label === label)?.at))
    check(dotted.includes(Math.floor(away / HOUR) * HOUR), `${at}: the hour in which the edge went away was shown half, and is not marked as counted anew`)
    await see(at)

    // Asked for again the hours are the same, and so they are in the file.
    await p.reload()
    await p.locator('table.heat').waitFor()
    await right(`${at}, after a reload`, days, whole)
    const [file] = await Promise.all([p.waitForEvent('download'), p.getByRole('button', {name: 'Hours as CSV'}).click()])
    const [head, ...rows] = readFileSync(await file.path(), 'utf8').replace(/^\uFEFF/, '').trim().split(/\r?\n/).map(l => l.split(','))
    const of = name => head.indexOf(name)
    const told = rows.map(r => [Date.parse(r[of('at')]), r[of('arrivals')], r[of('departures')]].join(' '))
    const turned = rows.reduce((n, r) => n + Number(r[of('turnover')]), 0), out = [...whole.values()].reduce((n, h) => n + h.left, 0) / source.capacity
    check(Math.abs(turned - out) <= 0.001 * rows.length, `${at}: the file's hours turn over ${turned.toFixed(3)}, not ${out.toFixed(3)}`)
    const wanted = days.flatMap(d => d.hours).map(h => { const x = whole.get(h.at); return [h.at, x?.came ?? '', x?.left ?? ''].join(' ') })
    check(told.length === wanted.length && told.every((x, i) => x === wanted[i]), `${at}: who came and went by the hour is not what the display showed: ${told.map((x, i) => (x === wanted[i] ? '' : `${x} for ${wanted[i]}`)).filter(Boolean).slice(0, 5).join('; ')}`)

    // In German and in the dark.
    if (at === 'spring') {
      const speak = async language => check((await p.request.patch(`${c.base}/me`, {data: {language}, headers: {Origin: c.base}})).ok(), `the account does not speak ${language}`)
      await speak('de')
      await p.emulateMedia({colorScheme: 'dark'})
      await p.reload()
      await p.getByRole('heading', {name: 'Die Zahlen als Tabelle'}).waitFor()
      check((await p.locator('html').getAttribute('lang')) === 'de', 'the trends are not in German')
      await see('spring-dark')
      await speak('en')
      await p.emulateMedia({colorScheme: 'light'})
      await p.reload()
    }
  }
  console.log(`${shared ? 'a real week' : 'the sample'}: between the bounds of the recount lie at most ${widest.toFixed(2)} percent`)
})
