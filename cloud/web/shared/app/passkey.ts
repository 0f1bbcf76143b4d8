// Passkeys: the device makes sure of its user and signs.
import {api, data, type Schemas} from './api.ts'

/** Whether this browser has passkeys, in the form that servers speak. */
export const possible = (): boolean => typeof PublicKeyCredential === 'function' &&
  typeof PublicKeyCredential.parseCreationOptionsFromJSON === 'function' && typeof PublicKeyCredential.parseRequestOptionsFromJSON === 'function'

/** Somebody closed the device's dialog, or the device had nothing to show. */
export class Stopped extends Error {}

async function device(ask: () => Promise<Credential | null>): Promise<Record<string, unknown>> {
  let got: Credential | null
  try {
    got = await ask()
  } catch {
    throw new Stopped()
  }
  if (!(got instanceof PublicKeyCredential)) throw new Stopped()
  return got.toJSON() as unknown as Record<string, unknown>
}

/** Logs in with a passkey of this device, and says as whom. */
export async function prove(): Promise<Schemas['User']> {
  const {options} = await data(api.POST('/login/passkey/begin'))
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(inner(options) as unknown as PublicKeyCredentialRequestOptionsJSON)
  const credential = await device(() => navigator.credentials.get({publicKey}))
  return (await data(api.POST('/login/passkey', {body: {credential}}))).user
}

/** Makes a passkey on this device. */
export async function add(name: string): Promise<Schemas['Passkey']> {
  const {options} = await data(api.POST('/me/passkeys/begin'))
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(inner(options) as unknown as PublicKeyCredentialCreationOptionsJSON)
  const credential = await device(() => navigator.credentials.create({publicKey}))
  return data(api.POST('/me/passkeys', {body: {name, credential}}))
}

// Libraries send what the browser takes as {publicKey: …}.
const inner = (o: Record<string, unknown>): Record<string, unknown> => (o['publicKey'] ?? o) as Record<string, unknown>

/** What the device calls itself, as a first name for its passkey. */
export function deviceName(agent: string): string {
  const on = /iPhone|iPad|Android|Macintosh|Windows|CrOS|Linux/.exec(agent)?.[0] ?? ''
  return ({Macintosh: 'Mac', CrOS: 'Chromebook'} as Record<string, string>)[on] ?? on
}

export const isStopped = (e: unknown): e is Stopped => e instanceof Stopped
