import '@shared/css/tokens.css'
import '@shared/css/base.css'
import '@shared/css/parts.css'
import '@shared/css/more.css'
import './shell/shell.css'
import {mount} from 'svelte'
import App from './App.svelte'
import {listen} from './pwa/install.svelte.ts'
import {keepOnDevice} from './pwa/update.svelte.ts'

listen()
const target = document.getElementById('app')
if (target) mount(App, {target})

// After the page has what it needs.
if (document.readyState === 'complete') void keepOnDevice()
else addEventListener('load', () => void keepOnDevice(), {once: true})
