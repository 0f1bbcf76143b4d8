// How to pay: the choice of a card or the machine, and paying what is still owed.

import {h, icon, note} from './dom.js'
import {money} from './time.js'

export const machine = 'cash'

const sandbox = [
  ['pm_sandbox_ok', 'Works', 'the hold stands at once'],
  ['pm_sandbox_second_factor', 'Asks your bank app', 'a second step, then it stands'],
  ['pm_sandbox_declined', 'Refused', 'the bank says no'],
  ['pm_sandbox_timeout', 'Answer gets lost', 'it holds, but we hear of it later'],
  ['pm_sandbox_flaky', 'Fails twice, then works', 'we try again for you'],
]

/** A choice of ways to pay: value, name and what it means. */
function choice(legend, ways, chosen, pick) {
  return h('fieldset', {class: 'cards'}, h('legend', {}, legend),
    ways.map(([value, name, what]) => h('label', {class: 'card-choice'},
      h('input', {type: 'radio', name: 'method', value, checked: value === chosen, onchange: () => pick(value)}),
      h('span', {}, h('b', {}, name), h('span', {class: 'small muted'}, what)))),
    h('p', {class: 'tiny quiet'}, 'Test cards of the built-in payment sandbox. No money moves.'))
}

/** How a booking is paid: by card, or at the machine where the parking takes that. */
export const bookingChoice = (atMachine, chosen, pick) => choice(atMachine ? 'How you pay' : 'Card',
  atMachine ? [...sandbox, [machine, 'At the machine', 'nothing is held; you pay before you drive out']] : sandbox, chosen, pick)

/** Whether a booking is promised to be paid at the machine: its hold holds nothing. */
export const promised = r => r.price.minor > 0 && r.payment.authorized.minor === 0 && ['authorized', 'void_requested', 'voided'].includes(r.payment.state)

/** What is held today, and what keeping the card means. from is the beginning. */
export function meaning(method, from) {
  if (method === machine) {
    return 'Nothing is held. You pay at the machine before you drive out. The exit opens all the same: what is not paid then you still owe, and can pay here by card. You can cancel for nothing.'
  }
  const far = from - Date.now() > 24 * 3600_000
    ? 'This is held on your card today, or a day before your time begins if that is too far ahead for a hold. '
    : 'This is held on your card today. '
  return far + 'Nothing is taken before you leave, and you can cancel for nothing as long as your space is kept. ' +
    'Your card is kept for this booking: if you stay longer than what is held pays for, the rest is taken from it once, after you have left.'
}

/**
 * What an ended stay owes, and how to pay it. w has the booking r, busy (what is
 * being done), chosen (the way to pay), pick(way), pay(), confirm() and bank(href):
 * the address of the second step that leads back here.
 */
export function owed(w) {
  const {amount, payment: p} = w.r.owed
  if (p?.state === 'requires_action') {
    return h('div', {class: 'note warn'}, icon('bank'), h('p', {class: 'h'}, `Approve ${money(p.amount)} with your bank`),
      h('p', {class: 'small'}, (promised(w.r) ? 'You left without paying at the machine. ' : 'Your stay cost more than was held on your card. ') + 'Your bank asks you before it is taken.'),
      h('p', {class: 'row'}, p.next_action && w.bank(p.next_action),
        h('button', {class: 'btn ghost sm', type: 'button', disabled: Boolean(w.busy), onclick: w.confirm}, w.busy === 'confirm' ? 'Asking…' : 'I have approved it')),
      otherwise(w, p.amount, 'Pay with another card', 'btn ghost sm'))
  }
  if (['requested', 'unknown', 'authorized', 'capture_requested'].includes(p?.state)) {
    return note('', 'clock', `${money(p.amount)} is being paid`, 'Your bank has not answered yet. We keep asking; it is taken at most once.')
  }
  if (amount.minor > 0) {
    return h('div', {class: 'note warn'}, icon('info'), h('p', {class: 'h'}, `${money(amount)} is still to be paid`),
      h('p', {class: 'small'}, p?.state === 'declined' ? (p.decline_code === 'not_placed' ? 'Your bank could not be reached. Nothing of it was taken.' : 'Your card was asked, and your bank said no. Nothing of it was taken.') : promised(w.r) ? 'You left without paying at the machine.' : 'Your stay cost more than was held on your card.'),
      otherwise(w, amount, `Pay ${money(amount)} by card`))
  }
  return p?.state === 'captured' ? note('good', 'undo', `${money(p.captured)} was paid by card`, 'Nothing is owed any more. It is on your receipt.') : null
}

/** Paying with a card that is chosen here. */
function otherwise(w, amount, open, look = 'btn sm') {
  if (w.chosen === null) {
    return h('p', {class: 'row'}, h('button', {class: look, type: 'button', disabled: Boolean(w.busy), onclick: () => w.pick(promised(w.r) ? sandbox[0][0] : '')}, open))
  }
  const ways = promised(w.r) ? sandbox : [['', 'The card of this booking', 'as it was used for the hold'], ...sandbox]
  return h('form', {class: 'stack', onsubmit: e => { e.preventDefault(); w.pay() }}, choice('Which card?', ways, w.chosen, w.pick),
    h('p', {class: 'row'}, h('button', {class: 'btn sm', type: 'submit', disabled: Boolean(w.busy)}, w.busy === 'pay' ? 'Asking your bank…' : `Pay ${money(amount)} now`),
      h('button', {class: 'btn ghost sm', type: 'button', disabled: Boolean(w.busy), onclick: () => w.pick(null)}, 'Not now')))
}
