// Days and times of a parking, as the pages write them.
import {clock, day} from '@shared/format/format.ts'
import {reading} from '@shared/app/prefs.svelte.ts'
import {parking} from './session.svelte.ts'

export const zoneOf = (id: string): string => parking(id)?.parking.timezone ?? 'UTC'
export const nameOf = (id: string): string => parking(id)?.parking.name ?? id

/** "Thu 13 June, 08:12". */
export const at = (t: string, zone: string): string => `${day(Date.parse(t), zone, reading())}, ${clock(Date.parse(t), zone, reading())}`
/** "08:12". */
export const hm = (t: string, zone: string): string => clock(Date.parse(t), zone, reading())
export {short} from '@shared/format/format.ts'
