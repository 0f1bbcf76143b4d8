// Package smstest says what whoever takes SMS must do, and has a stand-in of a
// provider's Messages API. Each peer runs Suite against its real self.
package smstest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/openlot/openlot/cloud/internal/notify"
	"github.com/openlot/openlot/cloud/internal/notify/sms"
)

// Harness is a peer and what became of its messages.
type Harness struct {
	Peer sms.Peer
	// Delivered is every message that was taken, oldest first.
	Delivered func(t *testing.T) []sms.Message
	// LoseAnswer makes the peer take the next message and fail to say so.
	LoseAnswer func()
}

// Suite runs the cases. fresh is called once for each.
func Suite(t *testing.T, fresh func(t *testing.T) Harness) {
	for name, run := range map[string]func(*testing.T, Harness){
		"a message arrives as it is":                    arrives,
		"a message that is sent again arrives once":     arrivesOnce,
		"a message whose answer was lost arrives once":  lostAnswer,
		"messages that differ all arrive":               differ,
		"messages at the same time all arrive":          atOnce,
		"what is no number is refused for good":         noNumber,
		"what ends before it is taken may be done anew": ended,
	} {
		t.Run(name, func(t *testing.T) { run(t, fresh(t)) })
	}
}

const jana, ole = "+4915112345678", "+4798765432"

func (h Harness) take(t *testing.T, m sms.Message) {
	t.Helper()
	if err := h.Peer.Take(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

func (h Harness) expect(t *testing.T, want ...sms.Message) {
	t.Helper()
	if got := h.Delivered(t); !slices.Equal(got, want) {
		t.Fatalf("delivered %q, want %q", got, want)
	}
}

func arrives(t *testing.T, h Harness) {
	m := sms.Message{To: jana, Text: "Your time at Münze & Co. ends at 17:00. http://127.0.0.1:8080/#/r/rsv_1?token=mt_a%2Bb+c é€[~]"}
	h.take(t, m)
	longest := sms.Message{To: jana, Text: strings.Repeat("x", sms.Limit)}
	h.take(t, longest)
	h.expect(t, m, longest)
}

func arrivesOnce(t *testing.T, h Harness) {
	first, between := sms.Message{To: jana, Text: "ends at 17:00"}, sms.Message{To: jana, Text: "ends at 18:00"}
	for _, m := range []sms.Message{first, first, between, first, between} {
		h.take(t, m)
	}
	h.expect(t, first, between)
}

func lostAnswer(t *testing.T, h Harness) {
	m := sms.Message{To: jana, Text: "ends at 17:00"}
	h.LoseAnswer()
	err := h.Peer.Take(t.Context(), m)
	if err == nil || errors.Is(err, notify.ErrPermanent) {
		t.Fatalf("an answer that was lost: %v", err)
	}
	silent(t, err, m)
	h.take(t, m)
	h.expect(t, m)
}

func differ(t *testing.T, h Harness) {
	var all []sms.Message
	for _, to := range []string{jana, ole} {
		for _, text := range []string{"ends at 17:00", "ends at 17:00.", "Ends at 17:00"} {
			all = append(all, sms.Message{To: to, Text: text})
			h.take(t, all[len(all)-1])
		}
	}
	h.expect(t, all...)
}

func atOnce(t *testing.T, h Harness) {
	var all sync.WaitGroup
	var want []string
	for _, c := range "abcdefghijkl" {
		want = append(want, string(c))
		all.Go(func() {
			if err := h.Peer.Take(t.Context(), sms.Message{To: jana, Text: string(c)}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	var got []string
	for _, m := range h.Delivered(t) {
		got = append(got, m.Text)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Fatalf("delivered %q", got)
	}
}

func noNumber(t *testing.T, h Harness) {
	for _, to := range []string{"", "+", "+49", "015112345678", "+49151123456789012", "jana@posteo.example", "+49 151 12345678", "+4915112345678&Body=x"} {
		m := sms.Message{To: to, Text: "ends at 17:00"}
		err := h.Peer.Take(t.Context(), m)
		if !errors.Is(err, notify.ErrPermanent) {
			t.Errorf("%q: %v", to, err)
			continue
		}
		silent(t, err, m)
	}
	h.expect(t)
}

func ended(t *testing.T, h Harness) {
	m := sms.Message{To: jana, Text: "ends at 17:00"}
	over, end := context.WithCancel(t.Context())
	end()
	err := h.Peer.Take(over, m)
	if err == nil || errors.Is(err, notify.ErrPermanent) {
		t.Fatalf("after its end: %v", err)
	}
	silent(t, err, m)
	h.take(t, m)
	h.expect(t, m)
}

// silent fails the test when an error, which gets into logs and the job's row,
// says what is nobody's business.
func silent(t *testing.T, err error, m sms.Message) {
	t.Helper()
	if said := err.Error(); len(m.To) > 3 && strings.Contains(said, m.To[1:]) || strings.Contains(said, m.Text) {
		t.Errorf("the error names the number or the text: %s", said)
	}
}
