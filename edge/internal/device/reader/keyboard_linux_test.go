package reader

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"testing"
)

// Events as the kernel writes them, through a pipe: time, kind, code, value.
func TestAKeyboardsEventsAreRead(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	go func() {
		for _, e := range typed("de", "PK1:6BF/-Z") {
			b := make([]byte, stampSize, stampSize+8)
			b = binary.NativeEndian.AppendUint16(b, uint16(e[0]))
			b = binary.NativeEndian.AppendUint16(b, uint16(e[1]))
			b = binary.NativeEndian.AppendUint32(b, uint32(e[2]))
			for _, part := range [][]byte{b[:5], b[5:]} {
				_, _ = w.Write(part)
			}
		}
		_ = w.Close()
	}()
	var got []string
	err = readKeyboard(r, NewKeys("de"), func(s string) { got = append(got, s) })
	if !errors.Is(err, io.EOF) || len(got) != 1 || got[0] != "PK1:6BF/-Z" {
		t.Errorf("read %q, %v", got, err)
	}
}

// A file that is no keyboard is not taken for one that nobody types on.
func TestWhatCannotBeGrabbedIsNotRead(t *testing.T) {
	if f, err := openKeyboard(os.DevNull); err == nil {
		_ = f.Close()
		t.Error("it is read though others get its keys, too")
	}
}
