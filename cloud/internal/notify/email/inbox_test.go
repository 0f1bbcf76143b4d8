package email_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/openlot/openlot/cloud/internal/notify"
)

// The inbox of a busy machine can be read: the newest first, a page at a time, and those
// to somebody.
func TestTheInboxCanBeSearchedAndPaged(t *testing.T) {
	in := newInbox(t)
	s := sender(t, in.addr)
	for n := range 120 {
		l := notify.Letter{ID: fmt.Sprint(n), To: fmt.Sprintf("driver-%03d@posteo.example", n), Subject: fmt.Sprintf("Letter %d", n), Says: []string{"x"}}
		if err := s.Post(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	seen, path := []string{}, "/dev/mail"
	for path != "" {
		code, page, _ := in.get(t, path, "text/html")
		if code != 200 {
			t.Fatalf("%s: %d %s", path, code, page)
		}
		for _, m := range regexp.MustCompile(`<b>Letter (\d+)</b>`).FindAllStringSubmatch(page, -1) {
			seen = append(seen, m[1])
		}
		path = ""
		if m := regexp.MustCompile(`href="(/dev/mail\?before=\d+)"`).FindStringSubmatch(page); m != nil {
			path = m[1]
		}
	}
	if len(seen) != 120 || seen[0] != "119" || seen[49] != "70" || seen[119] != "0" {
		t.Errorf("%d: %v", len(seen), seen)
	}
	for query, want := range map[string]int{"driver-007": 1, "DRIVER-11": 10, "letter 3": 11, "nobody": 0, "%25": 0} {
		_, body, _ := in.get(t, "/dev/mail?to="+strings.ReplaceAll(query, " ", "+"), "application/json")
		if got := strings.Count(body, `"message_id"`); got != want {
			t.Errorf("%s: %d of %d", query, got, want)
		}
	}
	for _, bad := range []string{"x", "-1", "0", "99999999999999999999"} {
		if code, _, _ := in.get(t, "/dev/mail?before="+bad, "text/html"); code != 422 {
			t.Errorf("before %s: %d", bad, code)
		}
	}
}
