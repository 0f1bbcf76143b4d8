// The words of the frame; each page has its own beside it.
const en = {
  skip: 'To the content', main: 'Main', now: 'Now', trends: 'Trends', reservations: 'Reservations', incidents: 'Incidents', money: 'Money', config: 'Configuration', edges: 'Edges', team: 'Team',
  settings: 'Language and look', logout: 'Sign out', roles: {staff: 'Staff', owner: 'Owner', admin: 'Platform'} as Record<string, string>, open: '{n} to do',
  unknown: 'There is nothing at this address', unknownText: 'The link may be cut short. Everything is where it was.', toNow: 'What is happening now',
  broken: 'This page could not be loaded', brokenText: 'The connection broke while it came. The gates go on by themselves.', again: 'Load it again', loading: 'The page is coming.',
  language: 'Language', look: 'Colours', auto: 'as the device', light: 'light', dark: 'dark', contrast: 'high contrast', clock: 'Clock', c24: '24 h', c12: '12 h', kept: 'Kept on this device, at once.', example: 'It is {time}.',
  live: 'live', lastWord: 'last word {time}', lost: 'No connection since {time}', lostText: 'You see what was known then. The gates decide by themselves, and nothing is lost.',
  parking: 'Parking', more: 'Show more', nobody: 'Nobody', ask: 'Asking…', print: 'Print', save: 'Save as a file', all: 'all', from: 'From', to: 'To', search: 'Search', code: 'Code', cancel: 'Back', table: 'Table, it can be scrolled',
  login: 'Sign in', email: 'E-mail', password: 'Password', secondCode: 'Code of your authenticator, or a recovery code', codeHint: 'Six digits, as they are shown now.', why: 'For the people who run a parking.',
  noEmail: 'Type your address, such as jana@example.org.', noPassword: 'Type your password.', passkey: 'Sign in with a passkey', stopped: 'Nothing was signed', stoppedText: 'The dialog was closed, or this device has no passkey for Openlot.', forgot: 'Set a new password', driver: 'Parking yourself?', portal: 'To the drivers’ page',
  noRole: 'This account works for nobody', noRoleText: 'Ask an owner to invite {email}. The link comes by mail.',
  secure: 'One step is missing', secureText: 'Owners sign in with a second factor, since money and barriers hang on it. Set up an authenticator or a passkey in your account, then sign in with it.', toAccount: 'To my account', reload: 'I have done it',
  offline: 'No connection', offlineText: 'The dashboard comes back by itself. The gates go on without it.',
  spaces: {standard: 'Standard', ev: 'Charging', accessible: 'Accessible', motorcycle: 'Motorcycle', oversize: 'Over 2 m'} as Record<string, string>,
}
export type Words = typeof en
const de: Words = {
  skip: 'Zum Inhalt', main: 'Haupt', now: 'Jetzt', trends: 'Verlauf', reservations: 'Buchungen', incidents: 'Vorfälle', money: 'Geld', config: 'Einstellungen', edges: 'Rechner vor Ort', team: 'Team',
  settings: 'Sprache und Aussehen', logout: 'Abmelden', roles: {staff: 'Personal', owner: 'Inhaber', admin: 'Plattform'}, open: '{n} zu tun',
  unknown: 'Unter dieser Adresse ist nichts', unknownText: 'Der Link ist vielleicht abgeschnitten. Alles ist, wo es war.', toNow: 'Was jetzt geschieht',
  broken: 'Diese Seite ließ sich nicht laden', brokenText: 'Die Verbindung riss dabei ab. Die Schranken arbeiten von selbst weiter.', again: 'Noch einmal laden', loading: 'Die Seite kommt.',
  language: 'Sprache', look: 'Farben', auto: 'wie das Gerät', light: 'hell', dark: 'dunkel', contrast: 'hoher Kontrast', clock: 'Uhr', c24: '24 h', c12: '12 h', kept: 'Gilt auf diesem Gerät, sofort.', example: 'Es ist {time}.',
  live: 'live', lastWord: 'letztes Wort {time}', lost: 'Keine Verbindung seit {time}', lostText: 'Sie sehen, was da bekannt war. Die Schranken entscheiden selbst, und nichts geht verloren.',
  parking: 'Parkhaus', more: 'Mehr zeigen', nobody: 'Niemand', ask: 'Wir fragen…', print: 'Drucken', save: 'Als Datei sichern', all: 'alle', from: 'Von', to: 'Bis', search: 'Suchen', code: 'Code', cancel: 'Zurück', table: 'Tabelle, sie lässt sich schieben',
  login: 'Anmelden', email: 'E-Mail', password: 'Passwort', secondCode: 'Code Ihres Authenticators oder ein Ersatzcode', codeHint: 'Sechs Ziffern, wie sie gerade gezeigt werden.', why: 'Für alle, die ein Parkhaus betreiben.',
  noEmail: 'Tippen Sie Ihre Adresse, etwa jana@example.org.', noPassword: 'Tippen Sie Ihr Passwort.', passkey: 'Mit Passkey anmelden', stopped: 'Es wurde nichts unterschrieben', stoppedText: 'Der Dialog wurde geschlossen, oder dieses Gerät hat keinen Passkey für Openlot.', forgot: 'Neues Passwort setzen', driver: 'Sie parken selbst?', portal: 'Zur Seite für Fahrer',
  noRole: 'Dieses Konto arbeitet für niemanden', noRoleText: 'Bitten Sie einen Inhaber, {email} einzuladen. Der Link kommt per Mail.',
  secure: 'Ein Schritt fehlt', secureText: 'Inhaber melden sich mit einem zweiten Faktor an, denn Geld und Schranken hängen daran. Richten Sie in Ihrem Konto einen Authenticator oder Passkey ein, und melden Sie sich damit an.', toAccount: 'Zu meinem Konto', reload: 'Das ist getan',
  offline: 'Keine Verbindung', offlineText: 'Die Seite kommt von selbst wieder. Die Schranken arbeiten ohne sie weiter.',
  spaces: {standard: 'Standard', ev: 'Laden', accessible: 'Barrierefrei', motorcycle: 'Motorrad', oversize: 'Über 2 m'},
}
export const frame = {en, de}

/** What a kind of space is called; one that we have no word for, by its own name. */
export const spaceName = (type: string, w: Words): string => w.spaces[type] ?? type.replaceAll('-', ' ').replace(/^./, c => c.toUpperCase())
