import type {Words} from './say.ts'

/** Wörter für die Codes von Konten und Anmeldungen. */
export const accountGerman: Words = {
  not_logged_in: ['Ihre Sitzung ist beendet.', 'Ihre Buchungen auf diesem Gerät sind noch da.', 'Melden Sie sich an, um weiterzumachen.'],
  wrong_login: ['Adresse und Passwort gehören nicht zusammen.', 'Sind Sie neu hier, öffnen Sie zuerst den Link in Ihrer Mail.', 'Prüfen Sie beides, oder setzen Sie ein neues Passwort.'],
  code_required: ['Ihr Konto fragt auch nach einem Code.', 'Tippen Sie die sechs Ziffern Ihres Authenticators oder einen Ersatzcode.'],
  wrong_code: ['Dieser Code stimmt nicht oder wurde schon benutzt.', 'Warten Sie auf den nächsten, und sehen Sie nach, ob die Uhr Ihres Telefons stimmt.'],
  login_again: ['Ihre Anmeldung liegt dafür zu lange zurück.', 'Nichts wurde geändert.', 'Tippen Sie Ihr Passwort noch einmal.'],
  cross_origin: ['Das darf diese Seite von hier aus nicht.', 'Nichts wurde geändert.', 'Öffnen Sie das Portal unter seiner eigenen Adresse.'],
  second_factor_required: ['Das braucht einen zweiten Faktor.', 'Melden Sie sich mit einem Code Ihres Authenticators oder mit einem Passkey an.', 'Haben Sie beides nicht, fügen Sie eins in Ihrem Konto hinzu.'],
  no_operator: ['Dieses Konto arbeitet für keinen Betreiber.', 'Bitten Sie den Inhaber, Sie aufzunehmen.'],
  not_allowed: ['Ihre Rolle erlaubt das nicht.', 'Nichts wurde geändert.', 'Fragen Sie einen Inhaber.'],
  operator_not_found: ['Diesen Betreiber gibt es nicht, oder Sie arbeiten nicht für ihn.', 'Gehen Sie zu Ihren Parkhäusern zurück.'],
  session_not_found: ['Diese Sitzung ist schon beendet.', 'Laden Sie die Liste noch einmal.'],
  totp_not_found: ['Es gibt keinen Authenticator, oder Sie haben vor zu langer Zeit begonnen.', 'Beginnen Sie noch einmal.'],
  totp_exists: ['Es gibt schon einen Authenticator.', 'Entfernen Sie ihn, bevor Sie einen anderen hinzufügen.'],
  second_factor_missing: ['Es gibt keinen Authenticator, für den die Codes einspringen könnten.', 'Fügen Sie zuerst einen hinzu.'],
  last_owner: ['Ein Betreiber hat keinen anderen Inhaber als Sie.', 'Nichts wurde gelöscht.', 'Machen Sie zuerst jemand anderen zum Inhaber.'],
  address_differs: ['Diese Buchung wurde mit einer anderen Adresse gemacht.', 'Sie bleibt auf diesem Gerät.', 'Melden Sie sich mit dem Konto jener Adresse an.'],
  claimed_already: ['Diese Buchung gehört zu einem anderen Konto.', 'Der Link in ihrer Mail öffnet sie wie bisher.'],
  link_expired: ['Dieser Link ist zu alt oder wurde schon benutzt.', 'Fordern Sie einen neuen an; es dauert eine Minute.'],
  too_many_tries: ['Es waren zu viele Versuche.', ['Warten Sie {wait}, dann geht es wieder.', 'Warten Sie eine Minute, dann geht es wieder.']],
  login_busy: ['Gerade melden sich zu viele an.', 'Warten Sie einen Moment und drücken Sie noch einmal.'],
  unknown_parameter: ['Diese Seite hat auf eine Art gefragt, die der Server nicht nimmt.', 'Laden Sie die Seite noch einmal.'],
}
