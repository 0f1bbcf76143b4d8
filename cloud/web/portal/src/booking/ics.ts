// A calendar entry (RFC 5545), made on the device.
export interface Entry { id: string; from: number; to: number; title: string; where: string; text: string; geo?: {latitude: number; longitude: number}; sequence: number }

const stamp = (t: number) => new Date(t).toISOString().replace(/[-:]|\.\d+/g, '')
const text = (s: string) => s.replace(/[\\;,]/g, c => `\\${c}`).replace(/\r?\n/g, '\\n')

/** Lines of at most 75 bytes; what goes on begins with a blank. */
function fold(line: string): string {
  const bytes = new TextEncoder()
  const out: string[] = []
  let part = ''
  for (const c of line) {
    if (bytes.encode(part + c).length > (out.length ? 74 : 75)) { out.push(part); part = '' }
    part += c
  }
  return [...out, part].join('\r\n ')
}

export function calendar(e: Entry, now: number): string {
  return [
    'BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//Openlot//Portal//EN', 'BEGIN:VEVENT',
    `UID:${e.id}@openlot`, `SEQUENCE:${e.sequence}`, `DTSTAMP:${stamp(now)}`, `DTSTART:${stamp(e.from)}`, `DTEND:${stamp(e.to)}`,
    `SUMMARY:${text(e.title)}`, `LOCATION:${text(e.where)}`, `DESCRIPTION:${text(e.text)}`,
    ...(e.geo ? [`GEO:${e.geo.latitude};${e.geo.longitude}`] : []),
    'END:VEVENT', 'END:VCALENDAR', '',
  ].map(fold).join('\r\n')
}
