// Every browser test, one after the other, each in a process of its own.
import {spawnSync} from 'node:child_process'
import {here} from './lib.mjs'

const tests = process.argv.length > 2 ? process.argv.slice(2) : ['parts', 'portal', 'elsewhere', 'find', 'parking', 'account', 'booking', 'story', 'owner', 'trends', 'kiosk']
let failed = false
for (const t of tests) failed = spawnSync(process.execPath, [here(`./${t}.mjs`)], {stdio: 'inherit'}).status !== 0 || failed
process.exit(failed ? 1 : 0)
