// What the page itself says, and its examples.
const en = {
  title: 'Parts and their states', language: 'Deutsch', clock: '12 h', light: 'Light', dark: 'Dark', contrast: 'Contrast',
  availability: 'Availability', count: 'Count', kerb: 'Kerb', price: 'Price lines', arm: 'Arm', actions: 'Actions', pass: 'Pass', before: 'before', inside: 'inside, offline', superseded: 'superseded', spent: 'spent',
  money: 'Money table', lane: 'Lane plan', decisions: 'Decisions', timeline: 'Timeline', empty: 'Empty', loading: 'Loading', offline: 'Offline', wrong: 'Wrong', messages: 'Messages',
  travel: 'Number, comb and word always travel together; colour only helps.', fixed: 'Width is fixed; only digits that changed move, at most once a second.', spaces: 'spaces free right now', change: '2 more than a minute ago', take: 'One more comes',
  choose: 'When you park; arrow keys move a quarter, Page an hour', running: 'inside, the rest is paid for', others: 'a gap, something wrong, somebody else', noWord: 'no word', bad: 'wrong', other: 'someone else', twice: 'the night in which summer ends: 25 hours',
  first: 'First hour', more: '8 more hours at {rate}', max: 'Day maximum {max}', maxNote: 'reached at 14:45, nothing counts after that', reservation: 'Reservation', held: 'your space is held for you',
  reserve: 'Reserve', extend: 'Extend', once: 'Open once', why: 'A button that cannot act says why beside it: “Needs a car on loop A.”',
  hold: 'Held on the card', captured: 'Taken for the stay', released: 'Given back', entry: 'Entry 1', exit: 'Exit 2', wrongPlace: 'This pass is for Semperoper, 8 minutes from here.',
  d1: 'DD KM 208: pass is for Semperoper', d2: 'DD OL 417 in, reserved until 17:00', d3: 'In, booked while the line was down',
  t1: 'Link to Haus am Zwinger lost.', t2: 'Pass shown at entry 1. Arm opened, car passed.', t3: 'Deadline passed. No no-show yet, because the gate had not reported so far.',
  none: 'No parking within 800 m has 9 hours free on Thursday.', near: 'Semperoper is free until 09:00. Ostra-Ufer has 104 spaces, 17 minutes on foot.', wider: 'Search within 1.5 km', retime: 'Change time',
  asking: 'Asking the gate at Altmarkt.', stale: 'Counts are from 11:19', staleText: 'We show them in grey and sell nothing from them.', bank: 'Your bank has not answered yet', bankText: 'Your space is kept. You will get a mail within 10 minutes; do not pay again.',
  soldOut: 'Sold out while you paid', early: 'Leave early, pay less', earlyText: 'Drive out at 12:30 and this stay costs {amount}. The rest of the hold is released on the way out.',
}
const de: typeof en = {
  title: 'Teile und ihre Zustände', language: 'English', clock: '12 h', light: 'Hell', dark: 'Dunkel', contrast: 'Kontrast',
  availability: 'Freie Plätze', count: 'Zähler', kerb: 'Bordstein', price: 'Preiszeilen', arm: 'Arm', actions: 'Handlungen', pass: 'Pass', before: 'vorher', inside: 'drin, ohne Netz', superseded: 'ersetzt', spent: 'verbraucht',
  money: 'Geldtabelle', lane: 'Spurplan', decisions: 'Entscheidungen', timeline: 'Verlauf', empty: 'Leer', loading: 'Lädt', offline: 'Ohne Netz', wrong: 'Falsch', messages: 'Meldungen',
  travel: 'Zahl, Kamm und Wort gehören immer zusammen; Farbe hilft nur.', fixed: 'Die Breite steht fest; nur geänderte Ziffern bewegen sich, höchstens einmal in der Sekunde.', spaces: 'Plätze gerade frei', change: '2 mehr als vor einer Minute', take: 'Noch einer kommt',
  choose: 'Wann Sie parken; Pfeiltasten eine Viertelstunde, Bild auf und ab eine Stunde', running: 'drin, der Rest ist bezahlt', others: 'eine Lücke, etwas Falsches, jemand anderes', noWord: 'stumm', bad: 'falsch', other: 'jemand anderes', twice: 'die Nacht, in der die Sommerzeit endet: 25 Stunden',
  first: 'Erste Stunde', more: '8 weitere Stunden zu {rate}', max: 'Tageshöchstpreis {max}', maxNote: 'um 14:45 erreicht, danach zählt nichts mehr', reservation: 'Reservierung', held: 'Ihr Platz wird freigehalten',
  reserve: 'Reservieren', extend: 'Verlängern', once: 'Einmal öffnen', why: 'Ein Knopf, der nicht kann, sagt daneben, warum: „Braucht ein Auto auf Schleife A.“',
  hold: 'Auf der Karte vorgemerkt', captured: 'Für den Aufenthalt abgebucht', released: 'Freigegeben', entry: 'Einfahrt 1', exit: 'Ausfahrt 2', wrongPlace: 'Dieser Pass gilt für Semperoper, 8 Minuten von hier.',
  d1: 'DD KM 208: Pass gilt für Semperoper', d2: 'DD OL 417 hinein, reserviert bis 17:00', d3: 'Hinein, gebucht, als die Leitung weg war',
  t1: 'Verbindung zu Haus am Zwinger verloren.', t2: 'Pass an Einfahrt 1 gezeigt. Arm offen, Auto hindurch.', t3: 'Frist vorbei. Noch kein Nichterscheinen, denn die Schranke hatte noch nicht berichtet.',
  none: 'Kein Parkhaus im Umkreis von 800 m hat am Donnerstag 9 Stunden frei.', near: 'Semperoper ist bis 09:00 frei. Ostra-Ufer hat 104 Plätze, 17 Minuten zu Fuß.', wider: 'Im Umkreis von 1,5 km suchen', retime: 'Zeit ändern',
  asking: 'Wir fragen die Schranke am Altmarkt.', stale: 'Die Zahlen sind von 11:19', staleText: 'Wir zeigen sie grau und verkaufen nichts danach.', bank: 'Ihre Bank hat noch nicht geantwortet', bankText: 'Ihr Platz bleibt. In 10 Minuten kommt eine Mail; zahlen Sie nicht noch einmal.',
  soldOut: 'Ausverkauft, während Sie zahlten', early: 'Früher fahren, weniger zahlen', earlyText: 'Fahren Sie um 12:30 hinaus, kostet es {amount}. Der Rest der Vormerkung wird dann frei.',
}
export const words = {en, de}
