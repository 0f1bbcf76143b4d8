// Package gatehouse is what somebody sees and does who looks after parkings from afar:
// their lanes now, what has to be looked at, commands to lanes, incidents, and how the
// edges are.
//
// What is shown is read from the rows of others and from what edges say of their lanes
// (edge_now). A command is an order: a row that the instance which serves the edge
// sends to it. The lane is the judge; what became of the order comes back in the edge's
// journal, which is on record whatever happens to the order's row.
//
// The rules (what an order's answer makes of it, which commands a lane would take, what
// is most urgent) are functions of what they are told.
package gatehouse
