// Package tariff prices a stay: a pure function of the tariff, the stay and a
// few facts about the parking, the same on the edge, in the cloud and in
// whoever wants to check a bill with a pencil.
//
// # The rules, in the order in which they apply
//
//  1. A stay of no duration costs nothing.
//  2. A stay of at most free_minutes costs nothing. A longer one counts from
//     its first moment: the free minutes are forgiveness, not a discount.
//  3. The stay is cut into intervals of interval_minutes that run from its
//     beginning; each interval that has started costs rate. Time is elapsed
//     time between instants: a night in which the clock is put back is an hour
//     longer and costs an hour more.
//  4. An interval belongs to the day in which it starts. No day costs more
//     than daily_max. A day is a calendar day of the parking's zone, which has
//     23 or 25 hours when the clock is changed, or a run of 24 hours from the
//     beginning of the stay: the tariff says which.
//  5. Tax is included in every amount; the bill says how much of the total it
//     is.
//
// It follows that a price is never negative and never falls when a stay grows.
package tariff
