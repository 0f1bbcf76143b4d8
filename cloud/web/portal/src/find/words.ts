// The words of the search, the list and the choice of a time.
const en = {
  h1: 'Find a parking', you: 'Your position', here: 'The middle of the map',
  within: 'How far on foot', anyWalk: 'any distance', walkUpTo: 'at most {n} min on foot',
  noPlace: 'Your place is not known', noPlaceText: 'The browser did not give it. Search for a street or a city instead.',
  when: 'Your time', exact: 'Date, time', come: 'You come', leave: 'You leave', date: 'Date', time: 'Time', dayMore: 'A day longer', dayLess: 'A day shorter', local: 'Local time of the parkings shown ({zone}).',
  types: 'Kind of space', sort: 'Sort', sorts: {relevance: 'best match', distance: 'walking', price: 'price', available: 'most free'} as Record<string, string>, again: 'Numbers have moved. Sort anew',
  one: '1 parking', many: '{n} parkings', first: 'The first {n} parkings', room: '{n} have room for your {length}', roomOne: '1 has room for your {length}', roomNone: 'none has room for your {length}',
  live: 'live, as of {time}', old: 'as of {time}', loading: 'Still asking for the numbers. The connection may be slow.', asking: 'Asking for your time.',
  walk: '{n} min walk', now: '{n} free right now', nowFull: 'full right now', nowUnknown: 'The gate does not answer: what is free now is not known.', fullThen: 'full then', closedThen: 'closed then', nowClosed: 'closed right now', alsoNow: 'full now, too', nowButThen: '{n} free now, full for your time',
  notSold: 'not sold here', notSoldText: 'Number of spaces not known. Pay at the gate.', noType: 'has no such spaces', forTime: '{length}, all in',
  off: 'No connection since {time}', offText: 'These numbers are from then. They go on by themselves when you are back.', offOther: 'These numbers are for {window}. Yours come by themselves when you are back.', offEmpty: 'The list appears by itself when you are back. Passes you have are under My bookings.',
  more: 'Show more', most: 'These are the first {n}. Search for a street or a city to see others.',
  nothing: 'Nothing matches “{text}”', nothingNear: 'No parking within {n} min on foot', nothingType: 'No parking here has such spaces', nothingAt: 'No parkings yet',
  nothingHint: 'Nearest with room for your time:', firstHint: 'With room for your time:', noneHint: 'Try a shorter word, the city alone, or another kind of space.', imports: 'This installation does not know any yet. They appear here at once when they are brought in.',
  all: 'Show all parkings', farther: 'Any distance',
  price: 'Price', anyPrice: 'any price', atMost: 'at most {price}', dearer: '{n} dearer not shown', unpriced: '{n} without a known price', allDearer: 'None costs {price} at most for your time', cheapest: 'The cheapest with room:', cheapestNone: 'None has room for your time.', showAny: 'Show any price', nextPass: 'Your next pass',
  map: 'Map', list: 'List', mapLoading: 'The map is loading.', mapFailed: 'The map could not be loaded', mapFailedText: 'The list has the same parkings and numbers.', choose: 'Choose a number on the map.', open: 'Look at {name}',
}
export type Words = typeof en
const de: Words = {
  h1: 'Parkplatz finden', you: 'Ihre Position', here: 'Die Kartenmitte',
  within: 'Wie weit zu Fuß', anyWalk: 'beliebig weit', walkUpTo: 'höchstens {n} min zu Fuß',
  noPlace: 'Ihr Ort ist nicht bekannt', noPlaceText: 'Der Browser gab ihn nicht. Suchen Sie stattdessen eine Straße oder eine Stadt.',
  when: 'Ihre Zeit', exact: 'Datum, Zeit', come: 'Sie kommen', leave: 'Sie fahren', date: 'Datum', time: 'Uhrzeit', dayMore: 'Einen Tag länger', dayLess: 'Einen Tag kürzer', local: 'Ortszeit der gezeigten Parkhäuser ({zone}).',
  types: 'Art des Platzes', sort: 'Ordnung', sorts: {relevance: 'passend', distance: 'Fußweg', price: 'Preis', available: 'meiste frei'}, again: 'Die Zahlen haben sich bewegt. Neu ordnen',
  one: '1 Parkplatz', many: '{n} Parkplätze', first: 'Die ersten {n} Parkplätze', room: '{n} haben Platz für Ihre {length}', roomOne: '1 hat Platz für Ihre {length}', roomNone: 'keiner hat Platz für Ihre {length}',
  live: 'live, Stand {time}', old: 'Stand {time}', loading: 'Die Zahlen sind noch nicht da. Die Verbindung ist vielleicht langsam.', asking: 'Frage nach Ihrer Zeit.',
  walk: '{n} min zu Fuß', now: '{n} gerade frei', nowFull: 'gerade voll', nowUnknown: 'Die Schranke antwortet nicht: was gerade frei ist, ist nicht bekannt.', fullThen: 'dann voll', closedThen: 'dann geschlossen', nowClosed: 'gerade geschlossen', alsoNow: 'auch gerade voll', nowButThen: '{n} gerade frei, zu Ihrer Zeit voll',
  notSold: 'hier nicht buchbar', notSoldText: 'Zahl der Plätze nicht bekannt. Zahlen Sie an der Schranke.', noType: 'hat keine solchen Plätze', forTime: '{length}, alles drin',
  off: 'Keine Verbindung seit {time}', offText: 'Diese Zahlen sind von da. Sie laufen von selbst weiter, sobald Sie wieder da sind.', offOther: 'Diese Zahlen gelten für {window}. Ihre kommen von selbst, sobald Sie wieder da sind.', offEmpty: 'Die Liste erscheint von selbst, sobald Sie wieder da sind. Ihre Pässe stehen unter Meine Buchungen.',
  more: 'Mehr zeigen', most: 'Das sind die ersten {n}. Suchen Sie eine Straße oder eine Stadt, um andere zu sehen.',
  nothing: 'Nichts passt zu „{text}“', nothingNear: 'Kein Parkplatz in höchstens {n} min zu Fuß', nothingType: 'Hier hat keiner solche Plätze', nothingAt: 'Noch keine Parkplätze',
  nothingHint: 'Am nächsten mit Platz für Ihre Zeit:', firstHint: 'Mit Platz für Ihre Zeit:', noneHint: 'Versuchen Sie ein kürzeres Wort, nur die Stadt oder eine andere Art Platz.', imports: 'Diese Installation kennt noch keine. Sie erscheinen hier sofort, wenn sie eingelesen werden.',
  all: 'Alle Parkplätze zeigen', farther: 'Beliebig weit',
  price: 'Preis', anyPrice: 'beliebiger Preis', atMost: 'höchstens {price}', dearer: '{n} teurere nicht gezeigt', unpriced: '{n} ohne bekannten Preis', allDearer: 'Keiner kostet für Ihre Zeit höchstens {price}', cheapest: 'Am günstigsten mit Platz:', cheapestNone: 'Für Ihre Zeit hat keiner Platz.', showAny: 'Jeden Preis zeigen', nextPass: 'Ihr nächster Pass',
  map: 'Karte', list: 'Liste', mapLoading: 'Die Karte wird geladen.', mapFailed: 'Die Karte ließ sich nicht laden', mapFailedText: 'Die Liste hat dieselben Parkplätze und Zahlen.', choose: 'Wählen Sie eine Zahl auf der Karte.', open: '{name} ansehen',
}
export const finding = {en, de}
