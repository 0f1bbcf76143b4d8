import {svelte} from '@sveltejs/vite-plugin-svelte'
import {fileURLToPath} from 'node:url'
import type {UserConfig} from 'vite'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** How every app is built: under a path of its own, into a folder of its own. */
export function app(folder: string, path: string): UserConfig {
  return {
    root: here(folder),
    base: `/${path}/`,
    publicDir: false,
    plugins: [svelte({configFile: here('svelte.config.js')})],
    resolve: {alias: {'@shared': here('shared')}},
    build: {
      outDir: here(`../internal/web/dist/${path}`),
      emptyOutDir: true,
      assetsInlineLimit: 0, // the Content-Security-Policy has no data: but for pictures
      modulePreload: {polyfill: false},
      target: 'es2022',
    },
    server: {fs: {allow: [here('.'), here('../internal/web/assets/fonts')]}},
  }
}
