// The words of the frame around the pages; each page has its own beside it.
const en = {
  title: 'Find a parking', bookings: 'My bookings', settings: 'Language and look', login: 'Sign in', account: 'My account', skip: 'To the content',
  unknown: 'There is nothing at this address', unknownText: 'The link may be cut short. Your bookings and all parkings are here as always.', find: 'Find a parking',
  broken: 'This page could not be loaded', brokenText: 'The connection broke while it came. What you booked is safe.', again: 'Load it again', loading: 'Loading the page.',
  language: 'Language', english: 'English', german: 'Deutsch', look: 'Colours', auto: 'as the device', light: 'light', dark: 'dark', contrast: 'high contrast',
  clock: 'Clock', c24: '24 h', c12: '12 h', kept: 'Kept on this device, at once.', currency: 'Second currency', noCurrency: 'none', currencyText: 'Prices are also shown in it, about. What is charged stays in the parking’s own currency.', about: 'about {amount}', aboutText: 'About {amount}, by the rates of {day}. {charged} is charged.', dashboard: 'Open the dashboard', example: 'It is {time}.',
  spaces: {standard: 'Standard', ev: 'Charging', accessible: 'Accessible', motorcycle: 'Motorcycle', oversize: 'Over 2 m'} as Record<string, string>,
  kinds: {multi_storey: 'multi-storey', underground: 'underground', surface: 'open air'} as Record<string, string>,
}
export type Words = typeof en
const de: Words = {
  title: 'Parkplatz finden', bookings: 'Meine Buchungen', settings: 'Sprache und Aussehen', login: 'Anmelden', account: 'Mein Konto', skip: 'Zum Inhalt',
  unknown: 'Unter dieser Adresse ist nichts', unknownText: 'Der Link ist vielleicht abgeschnitten. Ihre Buchungen und alle Parkhäuser sind wie immer da.', find: 'Parkplatz finden',
  broken: 'Diese Seite ließ sich nicht laden', brokenText: 'Die Verbindung riss dabei ab. Was Sie gebucht haben, ist sicher.', again: 'Noch einmal laden', loading: 'Die Seite wird geladen.',
  language: 'Sprache', english: 'English', german: 'Deutsch', look: 'Farben', auto: 'wie das Gerät', light: 'hell', dark: 'dunkel', contrast: 'hoher Kontrast',
  clock: 'Uhr', c24: '24 h', c12: '12 h', kept: 'Gilt auf diesem Gerät, sofort.', currency: 'Zweite Währung', noCurrency: 'keine', currencyText: 'Preise stehen ungefähr auch in ihr da. Abgerechnet wird in der Währung des Parkhauses.', about: 'etwa {amount}', aboutText: 'Etwa {amount}, nach den Kursen vom {day}. Abgerechnet werden {charged}.', dashboard: 'Zur Übersicht', example: 'Es ist {time}.',
  spaces: {standard: 'Standard', ev: 'Laden', accessible: 'Barrierefrei', motorcycle: 'Motorrad', oversize: 'Über 2 m'},
  kinds: {multi_storey: 'Parkhaus', underground: 'Tiefgarage', surface: 'im Freien'},
}
export const frame = {en, de}

/** What a kind of space is called; one that we have no word for, by its own name. */
export const spaceName = (type: string, w: Words): string => w.spaces[type] ?? type.replaceAll('-', ' ').replace(/^./, c => c.toUpperCase())
