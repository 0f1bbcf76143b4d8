// Package capacity changes what a parking has to sell: the capacity of a space
// type, and bays that are out of use for a while.
//
// Nothing is cancelled by it. Where more is claimed than is left, the rest is
// in the inventory's over, sales there have stopped by themselves, and the
// answer lists the reservations whose end would make everything fit again, in
// the order in which that does the least harm. It is for a person to decide.
//
// Both kinds of change are ops like all others, and the event that tells one is
// what stores the rest of it (the type's capacity, the block) in the same
// commit; see migration 00053.
package capacity
