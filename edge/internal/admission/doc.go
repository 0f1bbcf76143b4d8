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
package admission
