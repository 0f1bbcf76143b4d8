// Package trends counts how full a parking was and what happened there, hour by
// hour.
//
// A figure is counted from the facts that are stored (stays, observations of the
// gate, reservations, the ledger, the capacity from a day on) and never from another
// figure: whatever is told late, twice or in another order, the same facts give the
// same hours. Store keeps them, and notes which hours a fact touches.
//
// An hour is known as far as the parking's edge has told what happened in it. Of what
// is not known there is no figure, and in particular not zero: an edge that is away may
// have seen anything. Occupancy is an average over the part that is known.
//
// Hours are UTC's. A parking's days and hours of the day are those of its time zone
// (Report); in zones that are off by half an hour they begin at the half.
package trends
