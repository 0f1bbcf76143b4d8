// What is said about what shops owe and have paid.
const en = {
  account: 'Account', close: 'Close account', took: 'Took off {taken}, paid {paid}', owes: 'owes {amount}', even: 'owes nothing', ahead: 'has paid {amount} ahead',
  statement: 'Statement of {name}', from: 'From', to: 'To', whole: 'Empty: from the beginning, until now.', opening: 'Owed before', taken: 'Taken off by {n} codes', paid: 'Paid', balance: 'Owed now', balanceTo: 'Owed at the end', file: 'Save as a file (CSV)',
  payments: 'What was paid', newest: 'The newest {n} are listed. Choose fewer days to see others; the file has all.', none: 'Nothing was paid in these days.', day: 'Day', amount: 'Amount', way: 'How', note: 'Note', by: 'Written down by', reverse: 'Take back', reversed: 'Taken back: {why}', undo: 'Take back {amount} of {day}', reallyText: 'The payment stays on record and counts no more. Say why.', why: 'Why', needWhy: 'Say why.', stay: 'Leave it',
  enter: 'Write a payment down', on: 'Day it was paid', much: 'How much', needAmount: 'Write an amount, such as 12.50.', needDay: 'Choose a day up to today.', noteHint: 'As the number of an invoice. Nothing personal.', save: 'Write down', booked: '{amount} are written down.', tookBack: 'The payment is taken back.',
  ways: {transfer: 'Transfer', cash: 'Cash', card: 'Card', offset: 'Offset', other: 'Otherwise'} as Record<string, string>,
}
const de: typeof en = {
  account: 'Konto', close: 'Konto schließen', took: 'Übernommen {taken}, bezahlt {paid}', owes: 'schuldet {amount}', even: 'schuldet nichts', ahead: 'hat {amount} im Voraus bezahlt',
  statement: 'Kontoauszug von {name}', from: 'Von', to: 'Bis', whole: 'Leer: von Anfang an, bis jetzt.', opening: 'Davor offen', taken: 'Von {n} Codes übernommen', paid: 'Bezahlt', balance: 'Jetzt offen', balanceTo: 'Am Ende offen', file: 'Als Datei speichern (CSV)',
  payments: 'Was bezahlt wurde', newest: 'Die neuesten {n} stehen hier. Wählen Sie weniger Tage, um andere zu sehen; die Datei hat alle.', none: 'In diesen Tagen wurde nichts bezahlt.', day: 'Tag', amount: 'Betrag', way: 'Wie', note: 'Notiz', by: 'Eingetragen von', reverse: 'Zurücknehmen', reversed: 'Zurückgenommen: {why}', undo: '{amount} vom {day} zurücknehmen', reallyText: 'Die Zahlung bleibt aufgeschrieben und zählt nicht mehr. Sagen Sie, warum.', why: 'Warum', needWhy: 'Sagen Sie, warum.', stay: 'So lassen',
  enter: 'Eine Zahlung eintragen', on: 'Tag der Zahlung', much: 'Wie viel', needAmount: 'Schreiben Sie einen Betrag, etwa 12,50.', needDay: 'Wählen Sie einen Tag bis heute.', noteHint: 'Etwa die Nummer einer Rechnung. Nichts Persönliches.', save: 'Eintragen', booked: '{amount} sind eingetragen.', tookBack: 'Die Zahlung ist zurückgenommen.',
  ways: {transfer: 'Überweisung', cash: 'Bar', card: 'Karte', offset: 'Verrechnung', other: 'Anders'},
}
export const shopWords = {en, de}
