// Builds each web app into the folder that the Go program embeds. Every app is
// a folder with its own vite.config.ts.
import {build} from 'vite'

const apps = ['parts', 'kiosk', 'owner', 'portal']

for (const app of apps) {
  await build({configFile: new URL(`${app}/vite.config.ts`, import.meta.url).pathname, logLevel: 'warn'})
  console.log(`built ${app}`)
}
