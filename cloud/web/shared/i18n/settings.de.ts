import type {Words} from './say.ts'

/** Words for the codes of how a parking is run, and of teams. */
export const settingsGerman: Words = {
  capacity_invalid: ['So viele Plätze lassen sich nicht einstellen.', 'Geändert wurde nichts.', 'Wählen Sie eine ganze Zahl, und nicht weniger, als Fahrzeuge darin stehen.'],
  bays_missing: ['Die Plätze dieser Art sind nummeriert, und so viele gibt es nicht.', 'Geändert wurde nichts.', 'Tragen Sie zuerst die Nummern ein.'],
  date_in_past: ['Dieser Tag ist vorbei.', 'Wählen Sie heute oder einen späteren Tag.'],
  block_invalid: ['So lassen sich die Plätze nicht sperren.', 'Geändert wurde nichts.', 'Sehen Sie Zahl, Zeiten und Grund an.'],
  block_exceeds_capacity: ['So viele Plätze dieser Art gibt es nicht.', 'Gesperrt wurde nichts.', 'Sperren Sie weniger.'],
  block_not_found: ['Diese Sperre gibt es nicht.', 'Laden Sie die Seite noch einmal.'],
  block_removed: ['Die Sperre ist schon aufgehoben.', 'Laden Sie die Seite noch einmal.'],
  policy_invalid: ['Einige dieser Regeln gehen nicht.', 'Geändert wurde nichts.', 'An den Feldern steht, welche.'],
  invalid_tariff: ['Der Tarif hat Fehler.', 'Die Preise bleiben, wie sie sind.', 'An den Feldern steht, wo.'],
  zone_missing: ['Der Tarif zählt nach Ortszeit, und die Zeitzone des Parkhauses ist nicht bekannt.', 'Die Preise bleiben, wie sie sind.', 'Stellen Sie zuerst die Zeitzone ein.'],
  tariff_version: ['Die Version des Tarifs folgt nicht auf die davor.', 'Die Preise bleiben, wie sie sind.', 'Geben Sie ihm eine höhere Nummer, in der Folge der geplanten.'],
  tariff_currency: ['Das Parkhaus rechnet in einer anderen Währung ab.', 'Die Preise bleiben, wie sie sind.'],
  tariff_from: ['Für diese Zeit lässt sich kein Tarif planen.', 'Die Preise bleiben, wie sie sind.', 'Wählen Sie eine Zeit, die noch kommt, höchstens dreizehn Monate voraus.'],
  too_many_scheduled: ['Es sind so viele Tarife geplant, wie es sein können.', 'Nehmen Sie zuerst einen zurück.'],
  tariff_in_force: ['Der Tarif gilt schon.', 'Zurücknehmen geht nicht mehr.', 'Führen Sie stattdessen einen anderen ein.'],
  too_many_stays: ['So viele Aufenthalte lassen sich nicht auf einmal durchrechnen.', 'Wählen Sie weniger Tage.'],
  replay_busy: ['Gerade rechnen andere ihre Aufenthalte durch.', 'Fragen Sie in ein paar Sekunden noch einmal.'],
  member_not_found: ['Mit diesem Konto arbeitet hier niemand.', 'Laden Sie die Seite noch einmal.'],
  invitation_not_found: ['Diese Einladung ist nicht mehr offen.', 'Laden Sie die Seite noch einmal.'],
  member_already: ['Jemand mit dieser Adresse ist schon im Team.', 'Ändern Sie stattdessen die Rolle.'],
  too_many_invitations: ['Es sind so viele Einladungen offen, wie es sein können.', 'Nehmen Sie zuerst eine zurück.'],
}
