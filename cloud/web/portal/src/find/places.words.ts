// The words of the box in which places are searched for.
const en = {
  search: 'Search for a place', placeholder: 'Street, town, postcode, parking', clear: 'Clear', nearMe: 'Nearest to me', useMine: 'Use my position', useMineText: 'Your device is asked; it stays here.', recent: 'chosen before', forget: 'Forget these places',
  kinds: {town: 'Town', district: 'District', street: 'Street', postcode: 'Postcode', landmark: 'Place', parking: 'Parking'} as Record<string, string>,
  list: 'Places', one: '1 place', many: '{n} places', none: 'No place is called “{text}”', noneText: 'Below are the parkings in whose name or address it is, if any.',
  asking: 'Still asking for places. The connection may be slow.', off: 'Places cannot be asked for without a connection', offText: 'Your position and the places that you chose before still work.', wrong: 'Places cannot be asked for now', wrongText: 'The list below is searched all the same.',
}
const de: typeof en = {
  search: 'Einen Ort suchen', placeholder: 'Straße, Ort, PLZ, Parkhaus', clear: 'Leeren', nearMe: 'Nächste bei mir', useMine: 'Meine Position verwenden', useMineText: 'Ihr Gerät wird gefragt; es bleibt hier.', recent: 'zuletzt gewählt', forget: 'Diese Orte vergessen',
  kinds: {town: 'Ort', district: 'Stadtteil', street: 'Straße', postcode: 'Postleitzahl', landmark: 'Ort', parking: 'Parkplatz'},
  list: 'Orte', one: '1 Ort', many: '{n} Orte', none: 'Kein Ort heißt „{text}“', noneText: 'Darunter stehen die Parkplätze, in deren Name oder Adresse es vorkommt.',
  asking: 'Die Orte sind noch nicht da. Die Verbindung ist vielleicht langsam.', off: 'Ohne Verbindung lassen sich keine Orte suchen', offText: 'Ihre Position und zuletzt gewählte Orte gehen weiterhin.', wrong: 'Orte lassen sich gerade nicht suchen', wrongText: 'Die Liste darunter wird trotzdem durchsucht.',
}
export const placing = {en, de}
