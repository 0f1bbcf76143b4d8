// Package traffic drives cars through the twins of live parkings as a real day
// or week went.
//
// A Curve holds what the operator's display said; Plan compares it with the
// cars inside and says which to send; Site sends them, through the gates and
// the public API like any driver. It keeps the cars inside in a file with what
// they need to leave, so that the next run lets them out.
package traffic
