import {vitePreprocess} from '@sveltejs/vite-plugin-svelte'

export default {
  preprocess: vitePreprocess(),
  // Styles are files: the Content-Security-Policy takes none from scripts.
  compilerOptions: {runes: true, css: 'external'},
}
