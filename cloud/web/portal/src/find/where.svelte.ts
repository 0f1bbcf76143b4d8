// What is looked at, while this page lives: the clock of the parkings shown, and the one chosen.
export const own = Intl.DateTimeFormat().resolvedOptions().timeZone

let zone = $state(own)
let chosen = $state<string | null>(null)

/** The zone whose clock times are shown in. */
export const zoneNow = (): string => zone
export const lookAt = (z: string): void => { zone = z }

/** The parking that was chosen last: yellow in the list and on the map. */
export const chosenParking = (): string | null => chosen
export const choose = (id: string | null): void => { chosen = id }
