// What somebody typed last: address, plate, phone. On this device alone.
import {device, isObject, read, write} from './stored.ts'

export interface Driver { email: string; plate: string; phone: string }

const isDriver = (v: unknown): v is Driver => isObject(v) && ['email', 'plate', 'phone'].every(k => typeof v[k] === 'string')

export const driver = (): Driver => read(device, 'openlot.driver', {email: '', plate: '', phone: ''}, isDriver)
export const keepDriver = (d: Driver): void => void write(device, 'openlot.driver', d)
