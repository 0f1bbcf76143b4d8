// Package admission holds what an edge knows about its parking and decides who
// passes a gate.
//
// State is everything the decision needs: the cache that the cloud sent
// (reservations, allotments, keys, policy, complete through a revision) and the
// facts that only this edge knows (who is inside, which pass was used). Decide
// is a pure function of the state, the credential, the lane and the trusted
// time; what it decides are Facts, and State.Apply folds facts back into the
// state. Whoever owns the state applies one decision before the next is made,
// so one pass shown at two lanes opens one of them.
//
// Physical facts belong to the edge: no message from the cloud removes a
// session or makes a used pass unused. What the cloud owns, the cache, is
// replaced by the cloud's word alone.
//
// Exits err on the driver's side: a known session always leaves, a genuine pass
// leaves though it was not seen coming in (ADMIT_SOFT_PASSBACK, the cloud makes
// an incident of it), and the button opens for whoever has nothing to show.
// Entries err on the side of what was promised to others.
//
// Every vehicle that leaves ends one stay. One that shows nothing
// (ADMIT_POLICY), or a ticket or pass that names no session inside
// (ADMIT_SOFT_PASSBACK), stands in for the walk-in that has been inside for
// longest: Released and Exited carry that session's id and this reason, and the
// cloud settles that stay at zero with an incident, since its driver is not
// charged for a stay that somebody else ended. That driver's own ticket is then
// one without a session, and stands in for the oldest that is left. Only when no
// walk-in is inside is a stay without an entry released. Sessions of
// reservations are never stood in for: their passes end them.
package admission
