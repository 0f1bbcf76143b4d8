import {svelte} from '@sveltejs/vite-plugin-svelte'
import {fileURLToPath} from 'node:url'
import {defineConfig} from 'vitest/config'

export default defineConfig({
  plugins: [svelte()],
  resolve: {
    conditions: ['browser'], // components are tested as the browser runs them
    alias: {'@shared': fileURLToPath(new URL('shared', import.meta.url))},
  },
  test: {testTimeout: 60_000, include: ['**/*.test.ts'], exclude: ['**/node_modules/**']},
})
