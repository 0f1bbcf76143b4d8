// The words of a parking's page.
const en = {
  loading: 'Still asking. The connection may be slow.', gone: 'There is no such parking', find: 'Find a parking', back: 'Back to the list', share: 'Share', shared: 'The link is copied.',
  spaces: '{n} spaces', forTime: 'Free for your time', rightNow: 'Free right now', walkIns: 'for walk-ins', up: 'up {n} just now', down: 'down {n} just now', fullNow: 'full for walk-ins', silent: 'not known: the gate does not answer', notTrusted: 'not known: the counter shows more than there are spaces', few: 'few left', plenty: 'plenty', full: 'full for your time',
  live: 'Live from the gate, as of {time}', noWord: 'No word from the gate since {time}. Reserved spaces are kept.', lineLost: 'Not live: line lost, as of {time}',
  off: 'No connection since {time}', offText: 'The numbers are from then. They go on by themselves when you are back.', offEmpty: 'The parking appears by itself when you are back. Passes you have are under My bookings.',
  notSold: 'Not for reservation', notSoldText: 'Nobody told us how many spaces there are, so we do not sell any. You can still drive there and pay at the gate.',
  drag: 'Drag the ends to change, or type the times.', types: 'Kind of space', freeThen: '{n} free then',
  cost: 'What it costs', pricing: 'Asking for the price.', costFree: 'This time costs nothing.', reserve: 'Reserve', fullThen: 'Full then', perTime: '{length}, {n} free for your time', perTimeFull: '{length}, full for your time', noPrice: 'No price for this time',
  early: 'Leave early, pay less', earlyText: 'Drive out at {time} and this stay costs {amount}. The rest of the hold is given back.', earlyPlain: 'Then the tariff counts until you drive out. The rest of the hold is given back.', earlyNot: 'Nothing is taken before you leave', earlyNotText: 'The price is only held on your card, and taken when you drive out. It is the same if you leave earlier.',
  fullHeading: 'Full for your time', fullText: 'Another time, another kind of space, or one nearby may have room.', nearby: 'What is near here',
  tariff: 'The tariff', tariffNone: 'No price is known for this parking.', tax: 'All prices include {rate} VAT.', moves: 'The price moves with how full it is and how far ahead you book: from {min} % to {max} % of this tariff. What you reserve at stays.', machine: 'Can also be paid at the machine.',
  needs: 'What the gate needs', pass: 'Your pass', passText: 'A QR code on your phone. It works with no signal, also at the gate.', plate: 'or your plate', plateText: 'Add it when you reserve, and the arm opens where a camera reads it.',
  come: 'Come from {early}, at the latest {late}', comeFrom: 'Come from {early}', comeRoom: 'Before {from} the gate lets you in when there is room.', comeThen: 'Your time begins at {from}.', comeLate: 'After {late} your space may be given on.', comeDue: 'After {late} your space may be given on, and {percent} % of the price is due.', comeDueAll: 'After {late} your space may be given on, and the whole price is due.',
  leave: 'Drive out until {out}', leaveText: 'Leaving up to {grace} late costs nothing more. After that the tariff goes on.', leaveExact: 'After that the tariff goes on.',
  plan: 'The spaces', bays: '{type}: {n} spaces', bay: 'bays {list}', planHint: 'Numbered bays are drawn with their numbers. You may be given one of them.',
  there: 'How to get there', openMap: 'Open in your map', copy: 'Copy the position', copied: 'The position is copied.', at: 'Position {position}',
}
export type Words = typeof en
const de: Words = {
  loading: 'Noch keine Antwort. Die Verbindung ist vielleicht langsam.', gone: 'Dieses Parkhaus gibt es nicht', find: 'Parkplatz finden', back: 'Zurück zur Liste', share: 'Teilen', shared: 'Der Link ist kopiert.',
  spaces: '{n} Plätze', forTime: 'Frei für Ihre Zeit', rightNow: 'Gerade frei', walkIns: 'für Kurzparker', up: 'gerade {n} mehr', down: 'gerade {n} weniger', fullNow: 'voll für Kurzparker', silent: 'nicht bekannt: die Schranke antwortet nicht', notTrusted: 'nicht bekannt: der Zähler zeigt mehr, als es Plätze gibt', few: 'wenige', plenty: 'viele', full: 'voll zu Ihrer Zeit',
  live: 'Live von der Schranke, Stand {time}', noWord: 'Keine Nachricht von der Schranke seit {time}. Reservierte Plätze bleiben.', lineLost: 'Nicht live: Leitung weg, Stand {time}',
  off: 'Keine Verbindung seit {time}', offText: 'Die Zahlen sind von da. Sie laufen von selbst weiter, sobald Sie wieder da sind.', offEmpty: 'Das Parkhaus erscheint von selbst, sobald Sie wieder da sind. Ihre Pässe stehen unter Meine Buchungen.',
  notSold: 'Nicht zu reservieren', notSoldText: 'Niemand hat uns gesagt, wie viele Plätze es gibt, also verkaufen wir keine. Sie können trotzdem hinfahren und an der Schranke zahlen.',
  drag: 'Ziehen Sie die Enden, oder tippen Sie die Zeiten.', types: 'Art des Platzes', freeThen: '{n} dann frei',
  cost: 'Was es kostet', pricing: 'Frage nach dem Preis.', costFree: 'Diese Zeit kostet nichts.', reserve: 'Reservieren', fullThen: 'Dann voll', perTime: '{length}, {n} frei für Ihre Zeit', perTimeFull: '{length}, voll zu Ihrer Zeit', noPrice: 'Kein Preis für diese Zeit',
  early: 'Früher fahren, weniger zahlen', earlyText: 'Fahren Sie um {time} hinaus, kostet der Aufenthalt {amount}. Der Rest wird wieder freigegeben.', earlyPlain: 'Dann zählt der Tarif, bis Sie hinausfahren. Der Rest wird wieder freigegeben.', earlyNot: 'Vor dem Ausfahren wird nichts abgebucht', earlyNotText: 'Der Preis wird nur vorgemerkt und beim Hinausfahren abgebucht. Er bleibt gleich, wenn Sie früher fahren.',
  fullHeading: 'Voll zu Ihrer Zeit', fullText: 'Eine andere Zeit, eine andere Art Platz oder ein Parkhaus in der Nähe hat vielleicht etwas.', nearby: 'Was in der Nähe ist',
  tariff: 'Der Tarif', tariffNone: 'Für dieses Parkhaus ist kein Preis bekannt.', tax: 'Alle Preise enthalten {rate} MwSt.', moves: 'Der Preis bewegt sich damit, wie voll es ist und wie früh Sie buchen: von {min} % bis {max} % dieses Tarifs. Wozu Sie reservieren, das bleibt.', machine: 'Sie können auch am Automaten zahlen.',
  needs: 'Was die Schranke braucht', pass: 'Ihr Pass', passText: 'Ein QR-Code auf Ihrem Telefon. Er geht ohne Netz, auch an der Schranke.', plate: 'oder Ihr Kennzeichen', plateText: 'Geben Sie es beim Reservieren an, und der Arm öffnet, wo eine Kamera es liest.',
  come: 'Kommen ab {early}, spätestens {late}', comeFrom: 'Kommen ab {early}', comeRoom: 'Vor {from} lässt die Schranke Sie hinein, wenn etwas frei ist.', comeThen: 'Ihre Zeit beginnt um {from}.', comeLate: 'Nach {late} kann Ihr Platz weitergegeben werden.', comeDue: 'Nach {late} kann Ihr Platz weitergegeben werden, und {percent} % des Preises sind fällig.', comeDueAll: 'Nach {late} kann Ihr Platz weitergegeben werden, und der ganze Preis ist fällig.',
  leave: 'Hinausfahren bis {out}', leaveText: 'Bis {grace} zu spät kostet nichts. Danach läuft der Tarif weiter.', leaveExact: 'Danach läuft der Tarif weiter.',
  plan: 'Die Plätze', bays: '{type}: {n} Plätze', bay: 'Nummern {list}', planHint: 'Nummerierte Plätze sind mit ihrer Nummer gezeichnet. Einen davon können Sie bekommen.',
  there: 'Wie Sie hinkommen', openMap: 'In Ihrer Karte öffnen', copy: 'Position kopieren', copied: 'Die Position ist kopiert.', at: 'Position {position}',
}
export const parkingWords = {en, de}
