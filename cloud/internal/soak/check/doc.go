// Package check says whether what a cloud has stored can be true: that no
// instant is oversold, that no capacity has leaked, that money and feed add up.
//
// It is independent of the code it judges. It knows the tables and what the
// rules mean, shares no line with the packages that keep them (inventory,
// commit, booking, fleet, settlement, postgres), and never believes a counter:
// everything is recounted from the rows that own it. Read takes plain rows out
// of one snapshot; Check is a pure function over them.
//
// Every check has a test in this package that plants the damage it is for.
package check
