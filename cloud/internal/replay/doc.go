// Package replay turns what displays of real car parks showed over a week into the
// journal of an edge, and has the cloud apply it as it applies any edge's.
//
// A display shows how many spaces are free. Where that falls, vehicles came in, and
// where it rises, some went out; which ones, and who paid at a machine first, is drawn
// from the seed, so that the same readings give the same journal, to the byte. A week
// is moved to another date by whole weeks, so that it has as many hours there, also
// where clocks change.
//
// It is for tests, demonstrations and comparing; a parking with an edge of its own is
// refused.
package replay
