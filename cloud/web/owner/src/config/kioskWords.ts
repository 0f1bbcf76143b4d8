// The words of the page Kiosks, and what is set of kiosks in words.
import {choices, texts, type Kiosk} from './kiosks.ts'

const en = {
  loading: 'Looking at the machines.', none: 'The edge has not told of any kiosk yet.', unknown: 'The edge does not know this kiosk, or has not told of it yet.', asFile: 'As on the machine', yes: 'yes', no: 'no', inForce: 'In force: {value}',
  languages: 'Languages, the first one first', speaks: {de: 'Deutsch', en: 'English'} as Record<string, string>,
  choices: {cash: 'Takes cash', card: 'Takes cards', codes: 'Takes codes of shops', slips: 'Takes credit slips', tickets: 'Gives tickets', lost: 'Finds lost tickets by plate and time', shifts: 'Cash only in a shift of the staff'},
  texts: {label: 'Name for people', help: 'Whom to ring up for help', issuer: 'Who gives the receipt: name and address', tax_id: 'Tax number on the receipt', footer: 'At the end of the receipt'},
  wrong: {long: 'One of these texts is too long.', unpaid: 'Nobody could pay: take cash or cards.'} as Record<string, string>,
  took: {nothing: 'Nothing is set here: all is as on the machine.', done: 'The machine has what is set.', visit: 'Somebody is at the machine. What is set comes into force when he has gone; his payment ends as it began.', unusable: 'This machine cannot be as it is set, and stays as it was: it may have no staff who could open a shift, or not know a language.', waits: 'The machine has not taken it up yet.'} as Record<string, string>,
  installer: 'What only the installer sets', installerText: 'Ports, coins and hoppers, the lane at which it stands and the staff’s PINs are in the file on the machine.',
}
const de: typeof en = {
  loading: 'Wir sehen nach den Automaten.', none: 'Der Rechner hat noch von keinem Kassenautomaten erzählt.', unknown: 'Der Rechner kennt diesen Automaten nicht oder hat noch nicht von ihm erzählt.', asFile: 'Wie am Automaten', yes: 'ja', no: 'nein', inForce: 'In Kraft: {value}',
  languages: 'Sprachen, die erste zuerst', speaks: {de: 'Deutsch', en: 'English'},
  choices: {cash: 'Nimmt Bargeld', card: 'Nimmt Karten', codes: 'Nimmt Codes von Geschäften', slips: 'Nimmt Guthabenbelege', tickets: 'Gibt Tickets aus', lost: 'Findet verlorene Tickets nach Kennzeichen und Zeit', shifts: 'Bargeld nur in einer Schicht des Personals'},
  texts: {label: 'Name für Leute', help: 'Wen man um Hilfe anruft', issuer: 'Wer den Beleg ausstellt: Name und Anschrift', tax_id: 'Steuernummer auf dem Beleg', footer: 'Am Ende des Belegs'},
  wrong: {long: 'Einer dieser Texte ist zu lang.', unpaid: 'Niemand könnte zahlen: Nehmen Sie Bargeld oder Karten.'},
  took: {nothing: 'Hier ist nichts gesetzt: alles ist wie am Automaten.', done: 'Der Automat hat, was gesetzt ist.', visit: 'Jemand steht am Automaten. Was gesetzt ist, gilt, wenn er gegangen ist; seine Zahlung endet, wie sie begann.', unusable: 'Dieser Automat kann nicht sein, wie er gesetzt ist, und bleibt, wie er war: Vielleicht hat er kein Personal, das eine Schicht öffnen könnte, oder kennt eine Sprache nicht.', waits: 'Der Automat hat es noch nicht übernommen.'},
  installer: 'Was nur der Installateur setzt', installerText: 'Anschlüsse, Münzen und Münzspeicher, die Spur, an der er steht, und die PINs des Personals stehen in der Datei am Automaten.',
}
export const kioskWords = {en, de}

type Words = typeof en
/** What is set of kiosks, for the history. */
export const kiosksText = (all: readonly Kiosk[], w: Words): string =>
  all.map(k => `${k.kiosk}: ${[
    k.languages?.length ? k.languages.map(l => w.speaks[l] ?? l).join(', ') : '',
    ...choices.map(c => (k[c] === undefined ? '' : `${w.choices[c]}: ${k[c] ? w.yes : w.no}`)),
    ...texts.map(t => (k[t] ? `${w.texts[t]}: “${k[t]}”` : '')),
  ].filter(Boolean).join('; ')}`).join(' · ') || '–'
