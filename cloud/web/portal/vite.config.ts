import {createHash} from 'node:crypto'
import {readdirSync, readFileSync} from 'node:fs'
import {fileURLToPath} from 'node:url'
import {defineConfig, type Plugin} from 'vite'
import {app} from '../vite.shared.ts'
import {kept} from './src/pwa/rules.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** What others wrote of what is built, under its terms. */
function licences(): string {
  return ['svelte', 'openapi-fetch', 'uqr', 'maplibre-gl', 'pmtiles', 'fflate'].map(name => {
    const folder = here(`../node_modules/${name}`)
    const file = readdirSync(folder).find(f => /^licen[cs]e/i.test(f)) ?? (name === 'maplibre-gl' ? 'dist/LICENSE.txt' : null)
    const {license} = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as {license?: string}
    return `${name} (${license ?? 'see its repository'})\n\n${file ? readFileSync(`${folder}/${file}`, 'utf8') : ''}`
  }).join('\n\n----\n\n')
}

/** The manifest and icons under their own names, and into the service worker what was built. */
function installable(): Plugin {
  return {
    name: 'installable',
    buildStart() {
      this.emitFile({type: 'asset', fileName: 'licences.txt', source: licences()})
      for (const name of readdirSync(here('pwa'))) {
        if (!name.endsWith('.mjs')) this.emitFile({type: 'asset', fileName: name, source: readFileSync(here(`pwa/${name}`))})
      }
    },
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        const sw = bundle['sw.js'], index = Object.values(bundle).find(f => f.type === 'chunk' && f.isEntry && f.name === 'index')
        if (sw?.type !== 'chunk' || !index) throw new Error('no service worker or no page was built')
        if (sw.imports.length) throw new Error(`the service worker needs other files: ${sw.imports.join(', ')}`)
        const files = Object.keys(bundle).filter(f => f !== 'sw.js' && !f.endsWith('.html') && kept(f)).sort()
        const hash = createHash('sha256')
        for (const f of files) {
          const b = bundle[f]
          hash.update(f).update(b?.type === 'chunk' ? b.code : (b?.source ?? ''))
        }
        const built = JSON.stringify({files: files.map(f => `/portal/${f}`), entry: index.fileName, version: hash.digest('hex').slice(0, 12)})
        sw.code = `const BUILT = ${built};\n${sw.code}`
      },
    },
  }
}

const config = app('portal', 'portal')

export default defineConfig({
  ...config,
  plugins: [...(config.plugins ?? []), installable()],
  build: {
    ...config.build,
    rolldownOptions: {
      input: {index: here('index.html'), sw: here('src/pwa/sw.ts')},
      output: {entryFileNames: chunk => (chunk.name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js')},
    },
  },
})
