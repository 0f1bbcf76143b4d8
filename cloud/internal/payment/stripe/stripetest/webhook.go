package stripetest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// Event is the body of a webhook about something that was made here, and its id.
func (s *Server) Event(kind, ref string) (event string, body []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var about any
	if i, p := s.intentOf(ref); p == nil {
		about = i.told(false)
	} else if si, p := s.setupOf(ref); p == nil {
		about = si
	}
	for _, r := range s.refunds {
		if r.ID == ref {
			about = r
		}
	}
	if about == nil {
		return "", nil, fmt.Errorf("there is no %s", ref)
	}
	event = name("evt_")
	return event, Happened(event, kind, s.now(), about), nil
}

// Happened is the body of a webhook about any object.
func Happened(event, kind string, at time.Time, about any) []byte {
	return marshal(map[string]any{
		"id": event, "object": "event", "type": kind, "created": at.Unix(), "livemode": false, "data": map[string]any{"object": about},
	})
}

// Signature is the v1 signature of a webhook that is sent at a time.
func Signature(secret, body []byte, at time.Time) string {
	m := hmac.New(sha256.New, secret)
	_, _ = fmt.Fprintf(m, "%d.%s", at.Unix(), body)
	return hex.EncodeToString(m.Sum(nil))
}

// Sign makes the headers of a webhook that is sent at a time.
func Sign(secret, body []byte, at time.Time) map[string]string {
	return map[string]string{"Stripe-Signature": fmt.Sprintf("t=%d,v1=%s", at.Unix(), Signature(secret, body, at))}
}
