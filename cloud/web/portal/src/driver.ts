// What somebody typed last: address, plate, phone. On this device alone.
import {device, isObject, read, write} from '@shared/app/stored.ts'

export interface Driver { email: string; plate: string; phone: string }

const KEY = 'openlot.driver'
const isDriver = (v: unknown): v is Driver => isObject(v) && ['email', 'plate', 'phone'].every(k => typeof v[k] === 'string')

export const driver = (): Driver => read(device, KEY, {email: '', plate: '', phone: ''}, isDriver)
/** Nothing of it stays: whoever comes next is somebody else. */
export function forgetDriver(): void {
  try { device().removeItem(KEY) } catch { /* nothing was kept */ }
}
export const keepDriver = (d: Driver): void => void write(device, KEY, d)
