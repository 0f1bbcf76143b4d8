package app_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/account"
)

// What is now is told to who works there, as long as he does: the stream tells nothing
// more once his role is taken away.
func TestAStreamOfWhatIsNowEndsWithTheRole(t *testing.T) {
	dir := home(t)
	r := serve(t, dir)
	if _, err := importPark(t, dir, park); err != nil {
		t.Fatal(err)
	}
	accounts, name := accountsOf(t, dir)
	b := member(t, r, accounts, "watcher", account.Staff, name)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, path := range []string{"/owner/now", "/owner/parkings/dresden-altmarkt/now"} {
		if err := accounts.Grant(ctx, "watcher@posteo.example", account.Staff, name); err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.HTTP+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", "text/event-stream")
		req.Header.Set("Cookie", b.cookie)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		events := 0
		next := func() bool {
			lines := bufio.NewScanner(resp.Body)
			lines.Buffer(nil, 1<<20)
			for lines.Scan() {
				if strings.HasPrefix(lines.Text(), "data: ") {
					events++
					return true
				}
			}
			return false
		}
		if !next() {
			t.Fatalf("%s: no first event, %s", path, resp.Status)
		}
		if err := accounts.Grant(ctx, "watcher@posteo.example", "", name); err != nil {
			t.Fatal(err)
		}
		if _, err := importPark(t, dir, strings.Replace(park, `"Altmarkt"`, `"Altmarkt `+path[7:8]+`"`, 1)); err != nil { // something changes
			t.Fatal(err)
		}
		if next() {
			t.Errorf("%s: told after the role was taken away", path)
		}
		if ctx.Err() != nil {
			t.Errorf("%s: the stream did not end", path)
		}
		_ = resp.Body.Close()
	}
}
