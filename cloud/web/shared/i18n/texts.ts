// The words on the parts themselves; each app has its own beside these.
import type {Language} from '../format/format.ts'

const en = {
  free: 'free', few: 'few left', full: 'full', unknown: 'count unknown',
  asOf: 'as of {time}, line lost', come: 'You come', leave: 'You leave', now: 'now',
  total: 'Total', tax: 'includes {rate} VAT, {amount}', taxPlain: 'includes {amount} VAT', wrongSum: 'These lines do not add up: {amount} is unexplained. You pay nothing until they do.',
  qr: 'QR pass for the gate', yourPass: 'Your pass', inside: 'Inside since', bay: 'Bay, if you like', booking: 'Booking', from: 'Come from',
  superseded: 'This is the old pass. Open the newest mail.', spent: 'This pass is used up. You drove out at {time}.', spentPlain: 'This pass is used up.',
  noLine: 'No connection since {time}', noLineText: 'The gate does not need one; changes do.',
  opens: 'opens', staysDown: 'stays down', gate: 'gate', cloud: 'cloud', decisive: 'decisive', sum: 'Sum', unbalanced: '{amount} is missing in these lines.',
  clear: 'clear', occupied: 'occupied', noAnswer: 'no answer', down: 'down', open: 'open', moving: 'moving', notKnown: 'not known',
  arming: 'arming', safety: 'safety', passage: 'passage', display: 'Display says: “{text}”', loading: 'Loading', car: 'car with plate {plate}', noPlate: 'car',
}
export type Key = keyof typeof en
const de: Record<Key, string> = {
  free: 'frei', few: 'wenige', full: 'voll', unknown: 'Zahl unbekannt',
  asOf: 'Stand {time}, Leitung weg', come: 'Sie kommen', leave: 'Sie fahren', now: 'jetzt',
  total: 'Summe', tax: 'darin {rate} MwSt., {amount}', taxPlain: 'darin {amount} MwSt.', wrongSum: 'Diese Zeilen gehen nicht auf: {amount} sind nicht erklärt. Solange zahlen Sie nichts.',
  qr: 'QR-Pass für die Schranke', yourPass: 'Ihr Pass', inside: 'Drin seit', bay: 'Platz, wenn Sie mögen', booking: 'Buchung', from: 'Kommen ab',
  superseded: 'Das ist der alte Pass. Öffnen Sie die neueste Mail.', spent: 'Dieser Pass ist verbraucht. Sie fuhren um {time} hinaus.', spentPlain: 'Dieser Pass ist verbraucht.',
  noLine: 'Keine Verbindung seit {time}', noLineText: 'Die Schranke braucht keine; Änderungen schon.',
  opens: 'öffnet', staysDown: 'bleibt unten', gate: 'Schranke', cloud: 'Cloud', decisive: 'entscheidend', sum: 'Summe', unbalanced: 'In diesen Zeilen fehlen {amount}.',
  clear: 'frei', occupied: 'belegt', noAnswer: 'keine Antwort', down: 'unten', open: 'offen', moving: 'bewegt sich', notKnown: 'unbekannt',
  arming: 'Anmeldung', safety: 'Sicherheit', passage: 'Durchfahrt', display: 'Anzeige: „{text}“', loading: 'Lädt', car: 'Auto mit Kennzeichen {plate}', noPlate: 'Auto',
}
const all = {en, de}

/** The text of a part, with its values filled in. */
export function text(key: Key, language: Language, values: Record<string, string> = {}): string {
  return all[language][key].replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '')
}
