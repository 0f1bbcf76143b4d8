package wire

import (
	"strconv"
	"strings"
)

// Notes that the cloud acts by. Of what is journalled about a vehicle that nobody let
// through, the note is the fault that told of it; of what a count by hand corrected, it
// is the count's.
const (
	NoteTailgate = "tailgate" // it followed another one that was let through
	NoteRefused  = "_refused" // behind a command's name: it was journalled, and then not carried out

	noteCount = "count_"
	noteWas   = "_was_"
)

// CountNote says that somebody has counted n vehicles inside where was were known.
func CountNote(was, n int) string {
	return noteCount + strconv.Itoa(n) + noteWas + strconv.Itoa(was)
}

// ParseCountNote reads it. was is -1 where an earlier edge did not say it; ok is false
// for any other note.
func ParseCountNote(note string) (was, n int, ok bool) {
	rest, ok := strings.CutPrefix(note, noteCount)
	if !ok {
		return 0, 0, false
	}
	counted, known, says := strings.Cut(rest, noteWas)
	n, err := strconv.Atoi(counted)
	if err != nil || n < 0 {
		return 0, 0, false
	}
	if !says {
		return -1, n, true
	}
	if was, err = strconv.Atoi(known); err != nil || was < 0 {
		return 0, 0, false
	}
	return was, n, true
}
