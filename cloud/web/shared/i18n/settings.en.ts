import type {Words} from './say.ts'

/** Words for the codes of how a parking is run, and of teams. */
export const settingsEnglish: Words = {
  capacity_invalid: ['So many spaces cannot be set.', 'Nothing was changed.', 'Choose a whole number, and no fewer than the vehicles that are inside.'],
  bays_missing: ['The spaces of this kind are numbered, and there are not that many.', 'Nothing was changed.', 'Add the numbers first.'],
  date_in_past: ['That day is over.', 'Choose today or a later day.'],
  block_invalid: ['The spaces cannot be blocked like that.', 'Nothing was changed.', 'Look at the number, the times and the reason.'],
  block_exceeds_capacity: ['There are not that many spaces of this kind.', 'Nothing was blocked.', 'Block fewer.'],
  block_not_found: ['There is no such block.', 'Load the page once more.'],
  block_removed: ['The block was lifted already.', 'Load the page once more.'],
  policy_invalid: ['Some of these rules are out of bounds.', 'Nothing was changed.', 'The fields say which.'],
  invalid_tariff: ['The tariff has mistakes.', 'The prices stay as they are.', 'The fields say where.'],
  zone_missing: ['The tariff counts by the local time, and the time zone of the parking is not known.', 'The prices stay as they are.', 'Set the time zone first.'],
  tariff_version: ['The version of the tariff does not come after the one before.', 'The prices stay as they are.', 'Give it a higher number, and keep those that are scheduled in order.'],
  tariff_currency: ['The parking charges in another currency.', 'The prices stay as they are.'],
  tariff_from: ['A tariff cannot be scheduled for that time.', 'The prices stay as they are.', 'Choose a time from now on, thirteen months ahead at most.'],
  too_many_scheduled: ['As many tariffs are scheduled as can be.', 'Withdraw one first.'],
  tariff_in_force: ['The tariff has taken effect.', 'It cannot be withdrawn any more.', 'Go over to another one instead.'],
  too_many_stays: ['That many stays cannot be looked through at once.', 'Choose fewer days.'],
  replay_busy: ['Others are looking through their stays at this moment.', 'Ask once more in some seconds.'],
  member_not_found: ['Nobody of that account works here.', 'Load the page once more.'],
  invitation_not_found: ['This invitation is not open any more.', 'Load the page once more.'],
  member_already: ['Somebody of that address is in the team already.', 'Change the role instead.'],
  too_many_invitations: ['As many invitations are open as can be.', 'Take one back first.'],
}
