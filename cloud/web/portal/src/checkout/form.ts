// What somebody typed, before it is sent.
export type Bad = 'missing' | 'mail' | 'phone' | 'plate'

export const mail = (s: string): Bad | null => !s.trim() ? 'missing' : /^\S+@\S+\.\S+$/.test(s.trim()) ? null : 'mail'

/** A number with its country; 00 is +. */
export const number = (s: string): string => s.trim().replace(/^00/, '+')
export const phone = (s: string): Bad | null => !s.trim() || /^\+[\d ()-]{7,}$/.test(number(s)) ? null : 'phone'

/** As it is on the car: capitals, no blanks around. */
export const plate = (s: string): string => s.toUpperCase().replace(/[^A-Z0-9ÄÖÜ -]/g, '').trimStart().slice(0, 14)
export const plateBad = (s: string): Bad | null => !s.trim() || /^[A-Z0-9]{2,12}$/.test(s.replace(/[ -]/g, '')) ? null : 'plate'
