// Package tariff prices a stay: a pure function of the tariff, the stay and a
// few facts about the parking, the same on the edge, in the cloud and in
// whoever wants to check a bill with a pencil.
//
// # The rules, in the order in which they apply
//
//  1. A stay of no duration costs nothing.
//  2. A stay of at most free_minutes, or consideration_minutes if that is
//     longer, costs nothing. A longer one counts from its first moment: these
//     minutes are forgiveness, not a discount.
//  3. At each instant one rate holds: that of an event that is on; else that of
//     a band which began on this day; else that of a band which has run over
//     from the day before; else the base. A holiday is a kind of day of its
//     own. Its steps change a rate once the stay has lasted so long.
//  4. The stay is cut into intervals that run from its beginning, each as long
//     as the rate that holds when it starts says; each interval that has
//     started costs that rate. Under charge "exact" the intervals are minutes,
//     only completed ones count, and each costs its share of the rate, rounded
//     down once for each line. Time is elapsed time between instants: a night
//     in which the clock is put back is an hour longer and costs an hour more.
//  5. An interval belongs to the band, the day and the window of a maximum in
//     which it starts. No run of a band costs more than its max, then no day
//     more than daily_max, then no run of hours more than its maximum. A day
//     is a calendar day of the parking's zone, which has 23 or 25 hours when
//     the clock is changed, or a run of 24 hours from the beginning of the
//     stay: the tariff says which.
//  6. A stay that costs less than the minimum costs the minimum.
//  7. A space type with a factor costs so much of that, rounded half up.
//  8. Who comes back within re_entry_minutes goes on with the stay before: all
//     stays are priced together, the time outside counting for no step, an
//     interval that was begun being good to its end; what the earlier ones came
//     to is taken off. To come back at once costs what staying costs.
//  9. Tax is included in every amount; the bill says how much of the total it
//     is.
//  10. A bill may be demanded at a percentage of its price, frozen when it was
//     booked (Bill.Demand): the difference is a line of its own.
//
// It follows that a price is never negative and never falls when a stay grows.
//
// A time of day that the clock has twice, or not at all, needs no rule: a band
// holds whenever the wall shows one of its times.
package tariff
