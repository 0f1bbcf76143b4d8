package sse

import (
	"net/http"
	"syscall"
	"testing"
)

type silent struct{}

func (silent) Since(uint64) ([]byte, uint64) { return nil, 1 }

// TestAnEventOfAnEarlierConnectionIsNotHeeded plays what happens when a
// descriptor is closed and its number given to another while an event of the
// first is still on its way.
func TestAnEventOfAnEarlierConnectionIsNotHeeded(t *testing.T) {
	s, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	left := 0
	topic := s.Topic(silent{}, func() { left++ })
	pair := func() (ours, theirs int) {
		p, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		return p[0], p[1]
	}
	first, far := pair()
	h := s.shards[first%len(s.shards)]
	if !h.add(first, topic, http.Header{}) {
		t.Fatal("not taken")
	}
	h.mu.Lock()
	event := syscall.EpollEvent{Events: syscall.EPOLLRDHUP, Fd: int32(first), Pad: h.at(int32(first)).gen}
	h.drop(first)
	h.mu.Unlock()
	_ = syscall.Close(far)
	other, far := pair()
	defer func() { _ = syscall.Close(far) }()
	if other != first { // somebody else was quicker: take the number over
		if err := syscall.Dup3(other, first, syscall.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		_ = syscall.Close(other)
	}
	if !h.add(first, topic, http.Header{}) {
		t.Fatal("not taken")
	}
	if h.heed([]syscall.EpollEvent{event}); left != 1 {
		t.Errorf("%d connections were ended, of which one had gone", left)
	}
	event.Pad = h.at(int32(first)).gen
	if h.heed([]syscall.EpollEvent{event}); left != 2 {
		t.Errorf("%d connections were ended, both had gone", left)
	}
}
