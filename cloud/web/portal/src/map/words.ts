const en = {
  map: 'Map of the parkings', hint: 'Arrow keys move the map, plus and minus change how near it is. The list has the same parkings.',
  nearer: 'Nearer', farther: 'Farther', all: 'Show all', searchHere: 'Search here', full: 'full', unknown: 'count not trusted',
  pinFree: '{name}, {n} free for your time', pinFull: '{name}, full for your time', pinUnknown: '{name}, count not known', pinNotSold: '{name}, not sold here, number of spaces not known',
  cluster: '{free} in {n} parkings, free for your time together. Look nearer.', clusterUnknown: '– in {n} parkings: counts not known. Look nearer.', clusterFull: 'full in {n} parkings for your time. Look nearer.', of: 'in {n}',
  ring: '5 min on foot', legend: 'What the numbers mean', plenty: 'plenty', few: 'few left', fullThen: 'full for your time', north: 'North',
}
export type Words = typeof en
const de: Words = {
  map: 'Karte der Parkplätze', hint: 'Pfeiltasten bewegen die Karte, Plus und Minus ändern die Nähe. Die Liste hat dieselben Parkplätze.',
  nearer: 'Näher', farther: 'Weiter weg', all: 'Alle zeigen', searchHere: 'Hier suchen', full: 'voll', unknown: 'Zahl unsicher',
  pinFree: '{name}, {n} frei für Ihre Zeit', pinFull: '{name}, voll zu Ihrer Zeit', pinUnknown: '{name}, Zahl nicht bekannt', pinNotSold: '{name}, hier nicht buchbar, Zahl der Plätze nicht bekannt',
  cluster: '{free} in {n} Parkplätzen, zusammen frei für Ihre Zeit. Näher ansehen.', clusterUnknown: '– in {n} Parkplätzen: Zahlen nicht bekannt. Näher ansehen.', clusterFull: 'voll in {n} Parkplätzen zu Ihrer Zeit. Näher ansehen.', of: 'in {n}',
  ring: '5 min zu Fuß', legend: 'Was die Zahlen bedeuten', plenty: 'viele', few: 'wenige', fullThen: 'voll zu Ihrer Zeit', north: 'Norden',
}
export const mapping = {en, de}
