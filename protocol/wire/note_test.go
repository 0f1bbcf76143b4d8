package wire

import "testing"

func TestACountIsReadAsItWasWritten(t *testing.T) {
	for note, want := range map[string][3]int{CountNote(3, 7): {3, 7, 1}, CountNote(0, 0): {0, 0, 1}, "count_7": {-1, 7, 1}} {
		if was, n, ok := ParseCountNote(note); was != want[0] || n != want[1] || !ok {
			t.Errorf("%s: %d, %d, %t", note, was, n, ok)
		}
	}
	for _, note := range []string{"", "open", "count_", "count_x", "count_-1", "count_1_was_", "count_1_was_-2", "count_1_was_2_refused", "tailgate"} {
		if _, _, ok := ParseCountNote(note); ok {
			t.Errorf("%q is taken for a count", note)
		}
	}
}
