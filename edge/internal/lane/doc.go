// Package lane is the state machine of one lane: from a car on the arming loop
// to the barrier down behind it. It is a pure step function; a shell feeds it
// what the board reports and carries out the effects in their order.
//
//	Idle ──arming──▶ Armed ──credential──▶ Deciding ──refused──▶ back
//	                                          │ admitted (journalled)
//	                                          ▼
//	              ┌──────────────────────▶ Opening ──A left, B never──▶ backed out ─┐
//	              │ B left, A held           │    ╲──nobody enters in time──────────┤
//	              │ (touched and reversed)   ▼ B on                                 │
//	              └─────────────────────── Entering ──A left──▶ Passing             │
//	                                          │ B left (A after B)  │ B left        │
//	                                          ▼                     ▼               ▼
//	                                        passed ─────────────▶ Cleared ──safe──▶ Closing ──down──▶ Idle
//
// A is the arming loop in front of the barrier, B the safety loop under its
// arm. Inputs are on, off or unknown; unknown counts as occupied.
//
// # Rules
//
//   - Open is a pulse, and is asked for only with an authorisation, that is
//     after the shell said that the decision is journalled.
//   - One authorisation lets one vehicle pass and ends in exactly one of Passed
//     and BackedOut. It expires after Config.EnterWithin if nobody enters. If
//     the loops could not be seen while it was open, or what they showed allows
//     both, it ends as Passed and Inferred: a ticket is never usable twice. Only
//     when the board surely carried out no Open, the arm was down and nobody was
//     seen under it, it ends as BackedOut all the same. A pulse of which the board
//     said nothing counts as carried out.
//   - Closing is the operator's own business: it sees its own loop. Only when the
//     arm is still up long after the passage does the lane ask once or twice for
//     a Close pulse, and then only in the very step that brought inputs which the
//     shell has read in that moment, in which the safety loop is known to be free,
//     after samples at most a second apart have shown it free for
//     Config.CloseAfter, and no fire input is active or unknown. A report that may
//     have waited, a tick, a timeout or a lost board never closes.
//   - An arm that was asked down and was not seen down since, or that is seen
//     leaving its upper end, may be falling. In every phase it is asked up in the
//     step in which the safety loop is not surely free, again until it is up, and
//     soon again when the board did not carry it out.
//   - What moves the barrier is done before what is written.
//   - Fire keeps the lane from closing; opening it is wired in hardware.
package lane
