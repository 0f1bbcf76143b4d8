// What the pages of a kiosk and the edge agent say to each other.
//
// The agent serves the pages and this contract at its own HTTP address, under
// /kiosk/. Everything that matters is in the agent: which screen is shown, what has
// been put in, what is still to be paid. The pages show it and pass on what somebody
// asks for. So a page that is loaded again, or a machine that had no power for a
// moment, goes on where it was; and nothing here needs the cloud.
//
//   GET  /kiosk/api/state   text/event-stream. Events named "state"; their data is
//                           one State as JSON: the whole latest value, the first one
//                           at once, then one whenever something has changed. A
//                           comment comes at least every 10 s; when nothing has come
//                           for 25 s the agent is gone (show "this machine is
//                           stopped" and connect again). With Accept:
//                           application/json it is one State and no stream.
//   POST /kiosk/api/do      one Action as JSON (Content-Type application/json).
//                           200 with Done, or a problem (application/problem+json)
//                           whose code is a Refusal. Whatever it changes comes as a
//                           "state" event, too, and before the answer.
//
// Only the machine itself (loopback), and addresses that the configuration lists, are
// answered: all others get 403 "not_here".
//
// All of it is served. What a machine cannot do, by its configuration or for now, can says.
//
// Amounts are whole minor units ("minor": 510 is €5.10) of one currency. Times are
// RFC 3339 with an offset, in UTC. A countdown is told in milliseconds from the event
// on (in_ms), because the clock of the page's machine need not be right.

/** An amount of money, as everywhere in Openlot's APIs. */
export interface Money {
  minor: number
  currency: string
}

/** Some coins or notes of one kind. */
export interface Pieces {
  /** What one is worth, in minor units: 200 is a €2 coin, 1000 a €10 note. */
  value: number
  count: number
  note: boolean
}

/** The whole of what is to be shown. */
export interface State {
  /** Counts up with every change, also over a restart of the agent. */
  version: number
  /**
   * Which screen this is: changes when another one is to be shown and stays while
   * the same one only has other numbers. Actions name it, so that a tap which was
   * meant for another screen does nothing (refusal "screen_changed").
   */
  screen_id: number
  /** What time the agent takes it to be; null while it does not know. */
  now: string | null
  kiosk: Kiosk
  border: Border
  can: Can
  /** Free spaces for who comes now, by the agent's own count; null: not known. */
  free: number | null
  /** What the parking charges, for the start screen; null: the prices are not here yet, and nothing can be paid. */
  tariff: Tariff | null
  screen: Screen
  /** When the screen ends by itself; null: it stays. */
  deadline: Deadline | null
}

/** Which machine this is. */
export interface Kiosk {
  id: string
  /** The number on its front, such as "1". */
  label: string
  parking: string
  parking_name: string
  /** IANA zone: show times in it. */
  zone: string
  currency: string
  /** Languages the owner wants, best first, such as ["de", "en"]. */
  languages: string[]
  /** Whom the help key calls, if the owner says so: a name or a number to be read. */
  help?: string
}

/**
 * The border that tells staff what is failing.
 *
 * "link": no line to the cloud (solid blue). "cash": coins or notes are short, full or
 * jammed (striped orange). "stopped": nothing can be paid here (double red). When
 * several hold, the worst is the look and all are in codes.
 */
export interface Border {
  look: 'none' | 'link' | 'cash' | 'stopped'
  /** Since when there is no line (no_link), where that is known. */
  since?: string
  /** What is wrong, worst first. */
  codes: BorderCode[]
  /** What still works, for the sentence beside it. */
  works: Works[]
  /** Kinds of coin that are out, or nearly, with the hopper that staff has to fill. */
  short?: {value: number; hopper: number}[]
}

export type BorderCode =
  | 'no_link' // the cloud is not heard
  | 'nothing_takes_money' // neither cash nor cards: only what costs nothing can be settled
  | 'no_prices' // the tariff has never come: nothing can be paid
  | 'no_time' // the clock is not known: nothing can be priced
  | 'store_failed' // nothing can be written down, so nothing is taken
  | 'coins_short' // a kind of coin is out, or nearly
  | 'coins_out' // no change can be given at all
  | 'coins_jammed' // a hopper or the coin slot does not answer or is stuck
  | 'notes_out_of_order' // no notes are taken
  | 'box_full' // no more money is taken
  | 'card_out_of_order' // the terminal does not answer
  | 'printer_out' // no paper, or no printer
  | 'no_shift' // staff has to open a shift before cash is taken
  | 'unsettled' // a power cut left money that staff has to count

export type Works = 'cash' | 'card' | 'tickets' | 'receipts' | 'exits'

/** What can be done at this machine at this moment. */
export interface Can {
  cash: boolean
  card: boolean
  /** A walk-in can take a ticket here. */
  tickets: boolean
  /** Receipts are printed now. */
  receipts: boolean
  /** Change that cannot be given can become a slip: there is paper, the owner takes slips, and not too many are good still. */
  slips: boolean
  lost: boolean
  validation: boolean
  /** There is staff that can unlock the screen. */
  staff?: boolean
  help: boolean
  /** Coins and notes that are taken now, by value, smallest first. */
  takes: {value: number; note: boolean}[]
}

/** The prices in short; the full text is the bill of a stay. */
export interface Tariff {
  version: number
  /** The base rate and what follows it, as steps. */
  rates: {after_minutes: number; rate: Money; interval_minutes: number}[]
  exact: boolean
  daily_max: Money | null
  free_minutes: number
  /** Time to reach the gate after paying. */
  exit_minutes: number
  /** There are bands or events besides: the start screen says "other prices at other times". */
  more: boolean
}

/**
 * When the screen ends by itself. Until asks_in_ms is over nothing is shown; then
 * "still there?" until ends_in_ms is over. The agent counts: the page shows. After a
 * while without a tap the agent gives back all money that is in the machine and goes
 * to the start.
 */
export interface Deadline {
  /** Milliseconds until the machine asks; 0: it asks now. */
  asks_in_ms: number
  /** Milliseconds until it ends. */
  ends_in_ms: number
  /** "more_time" would still double the times. */
  may_double: boolean
}

export type Screen =
  | Start
  | Search
  | Pay
  | CardPay
  | Change
  | Paid
  | Ticket
  | Lost
  | Validation
  | Help
  | Stopped
  | Staff

/** Nobody is there. */
export interface Start {
  name: 'start'
  /** What became of the visit before, for a short sentence; goes after 10 s. */
  last?: Outcome
}

export type Outcome =
  | 'timed_out' // nobody answered; what was in the machine has been given back
  | 'cancelled' // given up on request
  | 'gave_back' // money was given back
  | 'not_back' // not all of it came back: it is noted for staff
  | 'counts' // given up, or nobody answered; what was paid or taken off before counts for the stay
  | 'card_unclear' // the terminal did not tell what became of a charge; the agent goes on asking it
  | 'done'

/** Looking for the stay. */
export interface Search {
  name: 'search'
  by: By
  /** What was found when it is more than one; empty: nothing has been looked for yet, or see problem. */
  found: Found[]
  problem?: Refusal
  /** How often something was looked for in vain, for offering help. */
  tries: number
}

export type By = 'pass' | 'plate' | 'ticket'

/** One of several stays. It says no more than is needed to tell one's own. */
export interface Found {
  /** Hand this back with "choose". */
  key: string
  entered_at: string
  /** The lane it came in by. */
  lane: string
  reserved: boolean
}

/** A stay that is to be paid. */
export interface Stay {
  entered_at: string
  /** When it came in is not known for sure; the price is by the latest it can have been. */
  uncertain: boolean
  reserved: boolean
  /** Of a reservation. */
  window?: {from: string; to: string}
  /** As somebody typed it here, never from a store; only on the screens of the one who typed it. */
  plate?: string
  minutes: number
  lost_ticket: boolean
}

/** One line of an explained price. The lines and what was taken off sum to to_pay. */
export interface Line {
  /** The tariff's rule (rate, per_minute, free_minutes, daily_max, …), or "paid_before", "validation", "credit", "reserved". */
  rule: string
  id?: string
  /** English, for a page that does not know the rule. */
  label: string
  from?: string
  to?: string
  quantity?: number
  minutes?: number
  rate?: number
  days?: number
  amount: Money
}

/** The price of a stay, as it holds until valid_until. */
export interface Bill {
  lines: Line[]
  /** The price of the stay. */
  total: Money
  /** Paid at machines before, covered by a reservation, taken off by shops. */
  paid_before: Money
  discount: Money
  /** What is to be paid here. */
  to_pay: Money
  /** Tax that is in to_pay. */
  tax: Money
  tax_basis_points: number
  tariff_version: number
  /** It is worked out anew then, unless money is in the machine: then it holds. */
  valid_until: string
}

/** The price, and money going in. */
export interface Pay {
  name: 'pay'
  stay: Stay
  bill: Bill
  /** What is in the machine, all of it still to be had back. */
  inserted: Money
  pieces: Pieces[]
  /** At least 0. */
  still_to_pay: Money
  /** What comes back if "pay" is tapped now; null while too little is in. */
  change: ChangePlan | null
  /** Money is on its way back or into the box: nothing may be tapped. */
  busy: boolean
  /** Why the last thing did not work, such as "card_declined". */
  problem?: Refusal
}

/** How the change would be paid out. */
export interface ChangePlan {
  amount: Money
  /** Coins, largest first. They sum to amount less missing. */
  coins: Pieces[]
  /** What cannot be given in coins. Above 0: ask before, and tap "pay" with credit: true. */
  missing: Money
  /**
   * A coin that would make it exact: "Add a 10 cent coin; then you get exactly €5.00
   * back". Only when missing is above 0 and there is one.
   */
  add?: {value: number; change: Money}
}

/** Paying at the terminal. */
export interface CardPay {
  name: 'card'
  stay: Stay
  bill: Bill
  /** "asking": the terminal is being told. "present": hold the card to it. "working": it asks the bank. "checking": its answer was lost and it is asked again; nothing is taken twice. */
  phase: 'asking' | 'present' | 'working' | 'checking'
  /** "cancel" can still be tapped. */
  may_cancel: boolean
}

/** Coins are being paid out, or all that was put in is coming back. */
export interface Change {
  name: 'change'
  why: 'change' | 'giving_back'
  amount: Money
  given: Money
  coins: Pieces[]
}

/** Paid. */
export interface Paid {
  name: 'paid'
  stay: Stay
  paid: Money
  method: 'cash' | 'card' | 'none' // none: there was nothing to pay
  inserted?: Money
  change?: Money
  /** Change that could not be given. Also on the receipt, and kept in the cloud. */
  credit?: Credit
  /** Leave before this; null: no limit. */
  exit_by: string | null
  /** Nothing that was paid reaches beyond the minute: what is stayed longer is added at the exit. */
  exit_now?: boolean
  /** "printing", "printed", or "none" without paper. What is on no paper stays on the screen for minutes, and is asked about before it goes. */
  receipt: 'printing' | 'printed' | 'none'
  receipt_code: string
  /** What stands for the ticket at the exit, when there is no paper to have it on. */
  leave?: string
}

/** Money that the machine owes somebody. */
export interface Credit {
  code: string
  amount: Money
  /** Last day, local date. */
  good_until: string
  /** It is on paper. When false the code is on this screen only, until there is paper. */
  printed: boolean
}

/** A ticket for a walk-in, and the arm that opens for it. */
export interface Ticket {
  name: 'ticket'
  phase: 'asking' | 'printing' | 'take'
  problem?: Refusal
}

/** The ticket is gone: plate and about when. */
export interface Lost {
  name: 'lost'
  /** Fits found, nearest first; the price is that of the real stay. */
  found: Found[]
  problem?: Refusal
}

/** A code from a shop. Back to pay by itself when it was taken. */
export interface Validation {
  name: 'validation'
  stay: Stay
  bill: Bill
  taken: {shop: string; discount: Money}[]
  problem?: Refusal
}

/** Somebody is called. */
export interface Help {
  name: 'help'
  since: string
  /** no_line: nobody far away can hear it now; kiosk.help says whom to call. */
  state: 'calling' | 'noticed' | 'no_answer' | 'no_line'
}

/** Nothing can be paid here; border says why. Money that is inside is kept on record. */
export interface Stopped {
  name: 'stopped'
}

/** Staff at the machine. */
export interface Staff {
  name: 'staff'
  by: string
  shift: Shift | null
  /** The last shift that was closed here. */
  closed?: ShiftClosed
  hoppers: {hopper: number; value: number; count: number; low: boolean; jammed: boolean}[]
  /** What should lie in the box. */
  box: Pieces[]
  box_total: Money
  /** The cash device is doing what was asked for: nothing may be tapped. */
  busy: boolean
  /** Money that a power cut, or a device that stopped, left unaccounted for, for staff to look at. */
  unsettled: Unsettled[]
  /** Slips for change that wait for paper: they are printed as soon as there is any. */
  unprinted: {code: string; amount: Money; at: string}[]
  problem?: Refusal
}

export interface Shift {
  id: string
  opened_at: string
  opened_by: string
  /** What was in hoppers and box when it was opened. */
  float: Money
  payments: number
  taken: Money
  change: Money
}

export interface ShiftClosed extends Shift {
  closed_at: string
  closed_by: string
  expected: Money
  counted: Money
  /** counted less expected. */
  difference: Money
}

export interface Unsettled {
  at: string
  amount: Money
  code: string
}

/**
 * What somebody asks for. screen_id is that of the State it was tapped on. key makes
 * sending it again harmless: any text of up to 64 letters, a new one for each tap.
 */
export type Action = {screen_id: number; key: string} & Ask

export type Ask =
  /** Somebody is there: the deadline begins anew. Send at most once a second. */
  | {action: 'touch'}
  /** Twice as much time from now on, until the visit ends. */
  | {action: 'more_time'}
  /** Back to the start; all money comes back. */
  | {action: 'cancel'}
  /** One screen back (from card, validation, help, lost, search). */
  | {action: 'back'}
  /** The search screen. */
  | {action: 'search'; by: By}
  /** Looks for a stay: a pass or ticket as it was scanned, or a plate as it was typed. */
  | {action: 'find'; by: By; text: string}
  | {action: 'choose'; stay: string}
  /** Takes what was put in. With change that is missing: only with credit: true. */
  | {action: 'pay'; credit?: boolean}
  /** What is inside comes back first. When not all of it does, no card is asked for. */
  | {action: 'pay_by_card'}
  /** All that was put in comes back; the stay stays on the screen. */
  | {action: 'give_back'}
  | {action: 'validation'}
  /** A shop's code, typed or scanned. */
  | {action: 'validate'; code: string}
  /** The slip of a credit, as part of the payment. */
  | {action: 'redeem'; code: string}
  | {action: 'lost'}
  /** entered_at: about when, with an offset. */
  | {action: 'find_lost'; plate?: string; entered_at: string}
  | {action: 'ticket'}
  | {action: 'receipt'}
  /** Done with the paid screen. */
  | {action: 'done'}
  | {action: 'help'}
  /** Staff. by is a name from the configuration. */
  | {action: 'staff_unlock'; by: string; pin: string}
  | {action: 'staff_lock'}
  | {action: 'shift_open'}
  /** What was counted in the box, piece by piece; the box is empty afterwards. */
  | {action: 'shift_close'; counted: Pieces[]; note?: string}
  /** Coins were put into a hopper (or taken out: below 0). */
  | {action: 'fill_hopper'; hopper: number; count: number}
  /** Looked at; the note says what was found. */
  | {action: 'settle'; code: string; note: string}

export interface Done {
  version: number
  screen_id: number
}

/** Codes of refusals, on problems and in screens. They are never renamed. */
export type Refusal =
  | 'invalid_action' // 422: not an action, or a field is missing or too long
  | 'not_here' // 403: this address may not
  | 'screen_changed' // 409: tapped on a screen that is not shown any more
  | 'not_now' // 409: this screen has no such action
  | 'busy' // 409: money is moving
  | 'not_found' // no stay fits
  | 'not_readable' // neither a pass nor a ticket
  | 'wrong_parking' // a pass of another parking
  | 'not_inside' // known, and not inside
  | 'already_paid' // nothing more to pay; exit_by is on the paid screen
  | 'too_many' // more fit than can be shown: use the ticket or call
  | 'too_many_tries' // 429: wait
  | 'no_price' // the stay cannot be priced here; call help: the exit opens all the same
  | 'too_little' // not enough is in the machine
  | 'change_missing' // ask first: see ChangePlan.missing
  | 'cash_off' // no cash now
  | 'card_off' // the terminal does not answer
  | 'card_declined'
  | 'card_cancelled'
  | 'money_inside' // give back first, or pay with it
  | 'not_all_back' // before paying by card instead: some of it did not come back
  | 'code_unknown' // a shop's code, or a slip, that is none
  | 'code_used'
  | 'code_expired'
  | 'code_not_more' // the shop gives no more for this stay
  | 'codes_off' // the owner has no codes of shops taken here
  | 'slips_off' // nor slips
  | 'slip_foreign' // it is in another currency than the stay
  | 'slips_full' // no more change can become a slip here
  | 'plate_and_time' // lost ticket: say plate or about when
  | 'no_tickets' // REFUSE_FULL or closed: no ticket now
  | 'no_printer' // no paper: no ticket, and no slip for change
  | 'drive_up' // nobody stands at the arm
  | 'lane_busy' // the vehicle before is still passing
  | 'pin_wrong' // 403
  | 'pin_slow' // 429: too many wrong ones; wait
  | 'staff_only' // 403
  | 'shift_open' // there is one
  | 'no_shift'
  | 'count_wrong' // counted pieces that the machine has no slot for
  | 'no_hopper'
  | 'store_failed' // 503: cannot be written down, so it does not happen
