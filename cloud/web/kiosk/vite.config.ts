import {fileURLToPath} from 'node:url'
import {defineConfig} from 'vite'
import {app} from '../vite.shared.ts'

// The edge agent embeds the kiosk, not the cloud.
const config = app('kiosk', 'kiosk')
export default defineConfig({...config, build: {...config.build, outDir: fileURLToPath(new URL('../../../edge/internal/kioskweb/dist/kiosk', import.meta.url))}})
