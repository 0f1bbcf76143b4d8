package soak

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// note is what a worker says about one operation, after it was answered. One
// line of text, written at once: a worker that is killed writes all of it or
// nothing.
type note struct {
	op       string
	result   result
	parking  string
	row      rowKind // which row must be there
	id       [16]byte
	version  int64  // the row is at this version at least
	state    string // the row is in this state for good; empty: any
	revision uint64 // the parking's feed reaches this far
	why      string // with refused: the code; with wrong: the error
}

type result string

const (
	accepted   result = "ok"
	refused    result = "refused"    // by the rules
	unanswered result = "unanswered" // done or not: nobody knows
	wrong      result = "wrong"      // what must never be answered
)

type rowKind string

const (
	noRow          rowKind = "-"
	reservationRow rowKind = "r"
	paymentRow     rowKind = "p"
	sessionRow     rowKind = "s"
	watermarkRow   rowKind = "w" // version is the sequence number, id begins with the epoch
)

func (n note) line() []byte {
	return fmt.Appendf(nil, "%s\t%s\t%s\t%s\t%x\t%d\t%s\t%d\t%s\n",
		n.op, n.result, n.parking, n.row, n.id, n.version, n.state, n.revision, strings.NewReplacer("\t", " ", "\n", " ").Replace(n.why))
}

// parseNote reads a line. texts keeps one copy of each text that repeats.
func parseNote(line string, texts map[string]string) (n note, err error) {
	f := strings.Split(line, "\t")
	if len(f) != 9 {
		return n, fmt.Errorf("a note of %d fields: %q", len(f), line)
	}
	for i := range f {
		if i == 4 || i == 5 || i == 7 {
			continue
		}
		if known, ok := texts[f[i]]; ok {
			f[i] = known
		} else {
			f[i] = strings.Clone(f[i])
			texts[f[i]] = f[i]
		}
	}
	n = note{op: f[0], result: result(f[1]), parking: f[2], row: rowKind(f[3]), state: f[6], why: f[8]}
	if b, err := hex.DecodeString(f[4]); err != nil || copy(n.id[:], b) != len(n.id) {
		return n, fmt.Errorf("the id of a note: %q", line)
	}
	if n.version, err = strconv.ParseInt(f[5], 10, 64); err != nil {
		return n, err
	}
	n.revision, err = strconv.ParseUint(f[7], 10, 64)
	return n, err
}
