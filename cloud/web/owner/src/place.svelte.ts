// Which parking the pages about one parking show: the last that was looked at on this device.
import {device, read, write} from '@shared/app/stored.ts'
import {parking, parkings} from './session.svelte.ts'

const KEY = 'openlot.owner.parking'
const isText = (v: unknown): v is string => typeof v === 'string'
let last = $state(read(device, KEY, '', isText))

/** The parking of an address; without one in it the last, else the first. Empty: there is none. */
export const place = (id: string): string => id || (parking(last) ? last : (parkings()[0]?.parking.id ?? ''))

export function look(id: string): void {
  if (!id || id === last) return
  last = id
  write(device, KEY, id)
}
