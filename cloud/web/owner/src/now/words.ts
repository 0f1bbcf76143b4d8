// The words of what is happening now: counts, lanes, commands, decisions, what needs a hand.
const en = {
  free: 'Free right now', parkings: '{n} parkings', freed: '{n} freed in an hour', taken: '{n} taken in an hour', steady: 'steady', noWord: 'no word since {time}', never: 'no edge yet', of: 'of {n}', inside: '{n} inside', types: 'By kind of space',
  lanes: '{name}, lanes', summary: '{free} of {capacity} free', noLanes: 'No lane has been heard of yet', noLanesText: 'They appear when the edge of this parking says hello.',
  decisions: 'Last decisions', none: 'Nothing has happened at the gates yet.', all: 'All commands', offline: 'decided while the line was down', unsure: 'time good to {n} s', unset: 'the clock of the gate was not set',
  helpWanted: 'somebody calls for help at the machine', helpSeen: 'the call for help has been seen', coming: 'I am coming', comingWhy: 'I am coming',
  todo: 'To do', urgent: 'most urgent first', nothing: 'Nothing needs a hand.', nothingText: 'Incidents that settle themselves are listed under Incidents.', details: 'Details', lookAt: 'Look at the lanes',
  car: 'waiting {time}', noCar: 'no car waits', display: 'Display says: “{text}”', unlinked: 'The board gives no answer. Nothing is known of the arm and the loops.', heldOpen: 'Held open', outOfService: 'Out of service', halted: 'Halted', shutByHours: 'Closed by its hours', alarm: 'Alarm', mode: {open: 'Open', full: 'Full', closed: 'Closed to walk-ins', closed_to_all: 'Closed to all', unknown: 'Not known'} as Record<string, string>,
  asOf: 'as of {time}', ways: {entry: 'entry', exit: 'exit', unknown: 'direction not known'} as Record<string, string>,
  commands: {
    open: 'Open once', hold_open: 'Hold open', let_go: 'Let it close', alarm: 'Emergency: open', reset: 'End the emergency', halt: 'Halt', resume: 'Go on', take_out: 'Take out of service', put_back: 'Put back into service', turn: 'Turn the lane round',
    mode_open: 'Let everybody in', mode_full: 'Reserved guests only', mode_closed: 'No walk-ins', mode_closed_to_all: 'Nobody comes in', count: 'Set the count',
    notice: 'Answered a call for help', staff_unlock: 'Unlocked the machine', staff_lock: 'Locked the machine', staff_unlock_refused: 'Wrong PINs at the machine', settle: 'Looked at money nobody had accounted for',
  } as Record<string, string>,
  more: 'More commands', why: 'Why? It stands in the record.', whyMissing: 'Say why in a few words.', count: 'How many are inside?', countMissing: 'Type a whole number.', do: '{command} now', sending: 'Sending…',
  states: {sent: 'on its way, at most 10 s', done: 'done', refused: 'the lane refused', expired: 'no answer in time; it was not done later either'} as Record<string, string>,
  order: '{command}, {by}: {state}',
  refusals: {
    edge_away: 'Not while the line to the gate is down. Who stands there can press for help.', edge_too_old: 'The program at this gate is too old to take commands from here.', lane_unlinked: 'Not while the board gives no answer.',
    loop_occupied: 'Not while something stands under the arm.', loop_unknown: 'Not while a loop gives no answer. The arm is never moved over a car we cannot see.', vehicle_passing: 'Not while a car passes.', not_reversible: 'This lane leads one way only.',
    lane_not_empty: 'Not while something is in the lane.', lane_stopped: 'Not while the lane is halted.', fire_active: 'Not while the fire alarm is on.', already_so: 'It is so already.',
    order_late: 'It came too late, so it was not done.', order_not_now: 'The lane could not do that then.', lane_unknown: 'The gate does not know this lane.', count_far_off: 'That is too far from what is known. Count once more.', journal: 'The gate could not write it down, so it did not do it.',
  } as Record<string, string>,
  faults: {
    board_lost: 'the board gives no answer', not_opening: 'the barrier does not open', not_closing: 'the barrier does not close', obstructed: 'something has stood under the arm for long', sensor_fault: 'the limit switches contradict each other', fire: 'fire alarm',
    tailgate: 'a car followed another through', wrong_way: 'a car passed against the direction', unexpected_passage: 'a car passed that nobody let through', passage_unsure: 'a car may have passed', arm_was_up: 'the arm was up while nobody watched',
  } as Record<string, string>,
  todoTexts: {
    help: 'Whoever is there waits for an answer on the screen.', help_no_answer: 'Nobody has answered yet. Whoever is there still waits.', help_noticed: 'The screen says that somebody comes.',
    edge_away: 'The gate decides by itself. Drivers see no count; reserved guests get in, and nobody is locked in.', board_lost: 'Nobody can be let through by this lane. Send cars to another one.', not_opening: 'The lane refuses until somebody looks at it.', not_closing: 'The arm stays up. Whoever passes is counted.',
    obstructed: 'The arm stays up until it is clear.', sensor_fault: 'The lane closes no more until this is repaired.', fire: 'The barrier stays open until somebody ends the emergency.',
  } as Record<string, string>,
  decided: {
    ADMIT_RESERVATION: 'In, with a reservation', ADMIT_WALKIN: 'Walk-in', ADMIT_PASS_OFFLINE: 'In, booked while the line was down', ADMIT_SOFT_PASSBACK: 'Let through, though the pass was inside already', ADMIT_POLICY: 'Let through by rule', ADMIT_MANUAL: 'Let through by hand', ADMIT_EMERGENCY: 'Emergency, let through',
    REFUSE_UNKNOWN: 'Code not known', REFUSE_BAD_SIGNATURE: 'Pass is not genuine', REFUSE_WRONG_PARKING: 'Pass is for another parking', REFUSE_TOO_EARLY: 'Too early', REFUSE_TOO_LATE: 'Too late', REFUSE_REVOKED: 'Booking was cancelled', REFUSE_SUPERSEDED: 'Old pass', REFUSE_PASSBACK: 'Pass is inside already', REFUSE_FULL: 'Full for walk-ins',
    REFUSE_UNPAID: 'Not paid', REFUSE_LANE_CLOSED: 'Lane is closed', REFUSE_CLOCK_UNTRUSTED: 'Time at the gate not known', REFUSE_STALE_CACHE: 'Gate was offline for too long', REFUSE_VEHICLE_CLASS: 'Wrong kind of vehicle', REFUSE_AMBIGUOUS: 'Plate could be two guests', REFUSE_THROTTLED: 'Too many wrong codes',
  } as Record<string, string>,
  out: 'Out', kinds: {admitted: 'Let in', released: 'Let out', refused: 'Refused', entered: 'Is inside', exited: 'Is outside', backed_out: 'Turned back', commanded: 'Command', fault: 'Fault'} as Record<string, string>, by: '{what}, by {by}: {why}', over: '{fault}: over',
}
export type NowWords = typeof en
const de: NowWords = {
  free: 'Gerade frei', parkings: '{n} Parkhäuser', freed: '{n} in einer Stunde frei geworden', taken: '{n} in einer Stunde belegt', steady: 'gleich geblieben', noWord: 'kein Wort seit {time}', never: 'noch kein Rechner vor Ort', of: 'von {n}', inside: '{n} drin', types: 'Nach Art des Platzes',
  lanes: '{name}, Spuren', summary: '{free} von {capacity} frei', noLanes: 'Noch keine Spur hat sich gemeldet', noLanesText: 'Sie erscheinen, sobald der Rechner dieses Parkhauses sich meldet.',
  decisions: 'Letzte Entscheidungen', none: 'An den Schranken ist noch nichts geschehen.', all: 'Alle Befehle', offline: 'ohne Leitung entschieden', unsure: 'Zeit auf {n} s genau', unset: 'die Uhr der Schranke war nicht gestellt',
  helpWanted: 'jemand ruft am Automaten um Hilfe', helpSeen: 'der Hilferuf wurde gesehen', coming: 'Ich komme', comingWhy: 'Ich komme',
  todo: 'Zu tun', urgent: 'das Dringendste zuerst', nothing: 'Nichts braucht eine Hand.', nothingText: 'Vorfälle, die sich selbst erledigen, stehen unter Vorfälle.', details: 'Einzelheiten', lookAt: 'Zu den Spuren',
  car: 'wartet {time}', noCar: 'kein Auto wartet', display: 'Anzeige: „{text}“', unlinked: 'Die Platine antwortet nicht. Von Arm und Schleifen ist nichts bekannt.', shutByHours: 'Nach Öffnungszeiten geschlossen', heldOpen: 'Offen gehalten', outOfService: 'Außer Betrieb', halted: 'Angehalten', alarm: 'Alarm', mode: {open: 'Offen', full: 'Voll', closed: 'Zu für Kurzparker', closed_to_all: 'Zu für alle', unknown: 'Unbekannt'},
  asOf: 'Stand {time}', ways: {entry: 'Einfahrt', exit: 'Ausfahrt', unknown: 'Richtung unbekannt'},
  commands: {
    open: 'Einmal öffnen', hold_open: 'Offen halten', let_go: 'Schließen lassen', alarm: 'Notfall: öffnen', reset: 'Notfall beenden', halt: 'Anhalten', resume: 'Weiter', take_out: 'Außer Betrieb nehmen', put_back: 'In Betrieb nehmen', turn: 'Spur umdrehen',
    mode_open: 'Alle hineinlassen', mode_full: 'Nur Reservierte', mode_closed: 'Keine Kurzparker', mode_closed_to_all: 'Niemand hinein', count: 'Zählung setzen',
    notice: 'Hilferuf beantwortet', staff_unlock: 'Automat entsperrt', staff_lock: 'Automat gesperrt', staff_unlock_refused: 'Falsche PINs am Automaten', settle: 'Geld angesehen, das niemand erklärt hatte',
  },
  more: 'Weitere Befehle', why: 'Warum? Es steht im Protokoll.', whyMissing: 'Sagen Sie in wenigen Worten, warum.', count: 'Wie viele sind drin?', countMissing: 'Tippen Sie eine ganze Zahl.', do: 'Jetzt: {command}', sending: 'Unterwegs…',
  states: {sent: 'unterwegs, höchstens 10 s', done: 'getan', refused: 'die Spur hat abgelehnt', expired: 'keine Antwort zur Zeit; es geschah auch später nicht'},
  order: '{command}, {by}: {state}',
  refusals: {
    edge_away: 'Nicht, solange die Leitung zur Schranke weg ist. Wer dort steht, kann den Rufknopf drücken.', edge_too_old: 'Das Programm an dieser Schranke ist zu alt für Befehle von hier.', lane_unlinked: 'Nicht, solange die Platine nicht antwortet.',
    loop_occupied: 'Nicht, solange etwas unter dem Arm steht.', loop_unknown: 'Nicht, solange eine Schleife nicht antwortet. Der Arm wird nie über ein Auto bewegt, das wir nicht sehen.', vehicle_passing: 'Nicht, solange ein Auto durchfährt.', not_reversible: 'Diese Spur führt nur in eine Richtung.',
    lane_not_empty: 'Nicht, solange etwas in der Spur ist.', lane_stopped: 'Nicht, solange die Spur angehalten ist.', fire_active: 'Nicht, solange der Feueralarm an ist.', already_so: 'Es ist schon so.',
    order_late: 'Es kam zu spät und geschah deshalb nicht.', order_not_now: 'Die Spur konnte das da nicht.', lane_unknown: 'Die Schranke kennt diese Spur nicht.', count_far_off: 'Das ist zu weit von dem, was bekannt ist. Zählen Sie noch einmal.', journal: 'Die Schranke konnte es nicht aufschreiben und tat es deshalb nicht.',
  },
  faults: {
    board_lost: 'die Platine antwortet nicht', not_opening: 'der Arm öffnet nicht', not_closing: 'der Arm schließt nicht', obstructed: 'etwas steht lange unter dem Arm', sensor_fault: 'die Endschalter widersprechen sich', fire: 'Feueralarm',
    tailgate: 'ein Auto fuhr hinter einem anderen durch', wrong_way: 'ein Auto fuhr gegen die Richtung', unexpected_passage: 'ein Auto fuhr durch, das niemand einließ', passage_unsure: 'vielleicht fuhr ein Auto durch', arm_was_up: 'der Arm war oben, als niemand hinsah',
  },
  todoTexts: {
    help: 'Wer dort steht, wartet auf eine Antwort auf dem Schirm.', help_no_answer: 'Noch hat niemand geantwortet. Wer dort steht, wartet weiter.', help_noticed: 'Auf dem Schirm steht, dass jemand kommt.',
    edge_away: 'Die Schranke entscheidet selbst. Fahrer sehen keine Zahl; Reservierte kommen hinein, und niemand ist eingesperrt.', board_lost: 'Durch diese Spur kommt niemand. Leiten Sie die Autos zu einer anderen.', not_opening: 'Die Spur lehnt ab, bis jemand nachsieht.', not_closing: 'Der Arm bleibt oben. Wer durchfährt, wird gezählt.',
    obstructed: 'Der Arm bleibt oben, bis frei ist.', sensor_fault: 'Die Spur schließt nicht mehr, bis das behoben ist.', fire: 'Die Schranke bleibt offen, bis jemand den Notfall beendet.',
  },
  decided: {
    ADMIT_RESERVATION: 'Hinein, mit Reservierung', ADMIT_WALKIN: 'Kurzparker', ADMIT_PASS_OFFLINE: 'Hinein, ohne Leitung gebucht', ADMIT_SOFT_PASSBACK: 'Durchgelassen, obwohl der Pass schon drin war', ADMIT_POLICY: 'Nach Regel durchgelassen', ADMIT_MANUAL: 'Von Hand durchgelassen', ADMIT_EMERGENCY: 'Notfall, durchgelassen',
    REFUSE_UNKNOWN: 'Code unbekannt', REFUSE_BAD_SIGNATURE: 'Pass ist nicht echt', REFUSE_WRONG_PARKING: 'Pass gilt für ein anderes Parkhaus', REFUSE_TOO_EARLY: 'Zu früh', REFUSE_TOO_LATE: 'Zu spät', REFUSE_REVOKED: 'Buchung wurde storniert', REFUSE_SUPERSEDED: 'Alter Pass', REFUSE_PASSBACK: 'Pass ist schon drin', REFUSE_FULL: 'Voll für Kurzparker',
    REFUSE_UNPAID: 'Nicht bezahlt', REFUSE_LANE_CLOSED: 'Spur ist zu', REFUSE_CLOCK_UNTRUSTED: 'Zeit an der Schranke unbekannt', REFUSE_STALE_CACHE: 'Schranke war zu lange ohne Leitung', REFUSE_VEHICLE_CLASS: 'Falsche Fahrzeugart', REFUSE_AMBIGUOUS: 'Kennzeichen passt zu zwei Gästen', REFUSE_THROTTLED: 'Zu viele falsche Codes',
  },
  out: 'Hinaus', kinds: {admitted: 'Eingelassen', released: 'Hinausgelassen', refused: 'Abgelehnt', entered: 'Ist drin', exited: 'Ist draußen', backed_out: 'Umgekehrt', commanded: 'Befehl', fault: 'Störung'}, by: '{what}, von {by}: {why}', over: '{fault}: vorbei',
}
export const nowWords = {en, de}
