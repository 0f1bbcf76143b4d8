import {readFileSync} from 'node:fs'
import {fileURLToPath} from 'node:url'
import {defineConfig, type Plugin} from 'vite'
import {app} from '../vite.shared.ts'

// The edge agent embeds the kiosk, not the cloud. The folder's README is kept in git, and the
// folder is emptied by each build: it is written again.
const out = fileURLToPath(new URL('../../../edge/internal/kiosk/pages/dist', import.meta.url))
const readme = readFileSync(`${out}/README.md`, 'utf8')
const kept: Plugin = {name: 'kept', buildStart() { this.emitFile({type: 'asset', fileName: 'README.md', source: readme}) }}

const config = app('kiosk', 'kiosk')
export default defineConfig({...config, plugins: [...(config.plugins ?? []), kept], build: {...config.build, outDir: out}})
