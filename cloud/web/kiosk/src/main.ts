import '@shared/css/tokens.css'
import '@shared/css/base.css'
import '@shared/css/parts.css'
import '@shared/css/more.css'
import './kiosk.css'
import {mount} from 'svelte'
import App from './App.svelte'

const target = document.getElementById('app')
if (target) mount(App, {target})
