package reader

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/device"
)

const token = "0123456789abcdef"

func TestReadersOverHTTP(t *testing.T) {
	log := &watched{word: "-", seen: make(chan struct{}, 1)}
	s, err := Listen("127.0.0.1:0", slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	lane := slog.New(slog.NewTextHandler(log, nil))
	reads := make(chan device.Read, 512)
	take := func(r device.Read) bool {
		reads <- r
		return true
	}
	codes := s.Reader("qr", token, Screen{RepeatAfter: time.Minute}, lane)
	plates := s.Reader("camera", "another-token-for-it", Screen{Medium: device.Plate, Confidence: 0.8, RepeatAfter: time.Minute}, lane)
	busy := s.Reader("busy", token, Screen{}, lane)
	s.Reader("early", token, Screen{}, lane)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	run(t, codes, take)
	run(t, plates, take)
	run(t, busy, func(device.Read) bool { return false })
	for _, e := range []device.Reader{codes, plates, busy} {
		for e.(*endpoint).pass.Load() == nil {
			time.Sleep(time.Millisecond)
		}
	}
	post := func(id, token, body string) (int, string) {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.Addr()+"/reader/"+id, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			q.Header.Set("Authorization", "Bearer "+token)
		}
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Body.Close() }()
		var p struct{ Code string }
		_ = json.NewDecoder(r.Body).Decode(&p)
		return r.StatusCode, p.Code
	}
	for _, c := range []struct {
		id, token, body string
		status          int
		code            string
	}{
		{"qr", token, `{"text":"PK1:A"}`, 202, ""},
		{"qr", token, `{"text":"PK1:A"}`, 202, ""}, // a repetition
		{"camera", "another-token-for-it", `{"plate":"dd ol 1","confidence":0.9}`, 202, ""},
		{"camera", "another-token-for-it", `{"plate":"dd ol 2","confidence":0.5}`, 422, "not_a_credential"},
		{"camera", token, `{"plate":"dd ol 3"}`, 401, "unauthorized"},
		{"qr", "", `{"text":"PK1:B"}`, 401, "unauthorized"},
		{"qr", token + "x", `{"text":"PK1:B"}`, 401, "unauthorized"},
		{"nobody", token, `{"text":"PK1:B"}`, 401, "unauthorized"},
		{"nobody", "", `{"text":"PK1:B"}`, 401, "unauthorized"},
		{"qr", token, `{"text":"PK1:B","lane":"exit-1"}`, 400, "invalid_read"},
		{"qr", token, `{"plate":"DDOL1"}`, 400, "invalid_read"},
		{"camera", "another-token-for-it", `{"text":"DDOL1"}`, 400, "invalid_read"},
		{"qr", token, `{"text":"PK1:B"} {}`, 400, "invalid_read"},
		{"qr", token, `text`, 400, "invalid_read"},
		{"qr", token, `{"text":"` + strings.Repeat("x", maxBody) + `"}`, 413, "too_large"},
		{"qr", token, `{"text":"` + strings.Repeat("x", MaxText+1) + `"}`, 422, "not_a_credential"},
		{"busy", token, `{"text":"PK1:B"}`, 503, "lane_busy"},
		{"early", token, `{"text":"PK1:B"}`, 503, "lane_busy"},
	} {
		if status, code := post(c.id, c.token, c.body); status != c.status || code != c.code {
			t.Errorf("%s, %.40s: %d %s, want %d %s", c.id, c.body, status, code, c.status, c.code)
		}
	}
	if r := await(t, reads); r != (device.Read{Medium: device.Code, Text: "PK1:A"}) {
		t.Errorf("read %+v", r)
	}
	if r := await(t, reads); r != (device.Read{Medium: device.Plate, Text: "DDOL1"}) {
		t.Errorf("read %+v", r)
	}
	refused := 0
	for i := range 200 {
		if status, code := post("qr", token, fmt.Sprintf(`{"text":"PK1:%d"}`, i)); status == http.StatusTooManyRequests && code == "too_many_reads" {
			refused++
		}
	}
	if refused == 0 {
		t.Error("a flood is taken")
	}
	if l := log.text(); strings.Contains(l, "PK1") || strings.Contains(l, token) || strings.Contains(strings.ToLower(l), "ol") && strings.Contains(l, "dd") {
		t.Errorf("a credential is in the log:\n%s", l)
	}
}
