import type {Words} from './say.ts'

/** Words for the codes of accounts and log-ins. */
export const accountEnglish: Words = {
  not_logged_in: ['Your session has ended.', 'Your bookings on this device are still here.', 'Sign in to go on.'],
  wrong_login: ['Address and password do not belong together.', 'If you are new here, open the link in your mail first.', 'Check both, or set a new password.'],
  code_required: ['Your account asks for a code as well.', 'Type the six digits of your authenticator, or a recovery code.'],
  wrong_code: ['That code is not right, or was used already.', 'Wait for the next one, and look whether the clock of your phone is right.'],
  login_again: ['You signed in too long ago for this.', 'Nothing was changed.', 'Type your password once more.'],
  cross_origin: ['This page may not do that from here.', 'Nothing was changed.', 'Open the portal at its own address.'],
  second_factor_required: ['This needs a second factor.', 'Sign in with a code of your authenticator or with a passkey.', 'If you have neither, add one to your account.'],
  no_operator: ['This account works for no operator.', 'Ask the owner to add you.'],
  not_allowed: ['Your role does not allow that.', 'Nothing was changed.', 'Ask an owner.'],
  operator_not_found: ['There is no such operator, or you do not work for it.', 'Go back to your own parkings.'],
  session_not_found: ['This session has ended already.', 'Load the list again.'],
  totp_not_found: ['There is no authenticator, or you began too long ago.', 'Begin again.'],
  totp_exists: ['There is an authenticator already.', 'Remove it first to add another.'],
  second_factor_missing: ['There is no authenticator that the codes would stand in for.', 'Add one first.'],
  last_owner: ['An operator has no other owner than you.', 'Nothing was deleted.', 'Make somebody else an owner first.'],
  address_differs: ['This booking was made with another address.', 'It stays on this device.', 'Sign in with the account of that address.'],
  claimed_already: ['This booking belongs to another account.', 'The link in its mail opens it as before.'],
  link_expired: ['This link is too old, or was used already.', 'Ask for another one; it takes a minute.'],
  too_many_tries: ['There were too many tries.', ['Wait {wait}, then try again.', 'Wait a minute, then try again.']],
  login_busy: ['Too many people sign in at this moment.', 'Wait a moment and press again.'],
  unknown_parameter: ['This page asked in a way the server does not take.', 'Load the page again.'],
}
