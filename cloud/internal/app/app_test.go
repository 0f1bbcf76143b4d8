package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/app"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/notify/email"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// home is a data directory that Postgres's unprivileged user may enter.
func home(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "openlot-app-") //nolint:usetesting // others may not enter what t.TempDir is in
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// serve runs a whole cloud on free ports until the test ends.
func serve(t *testing.T, dir string) app.Runtime {
	t.Helper()
	return serveLogging(t, dir, quiet())
}

func serveLogging(t *testing.T, dir string, log *slog.Logger) app.Runtime {
	t.Helper()
	return servePaid(t, dir, log, app.Stripe{})
}

func servePaid(t *testing.T, dir string, log *slog.Logger, account app.Stripe) app.Runtime {
	t.Helper()
	return serveConfig(t, dir, log, app.Config{Stripe: account})
}

// serveConfig completes a configuration and runs a whole cloud with it.
func serveConfig(t *testing.T, dir string, log *slog.Logger, cfg app.Config) app.Runtime {
	t.Helper()
	cfg.DataDir, cfg.HTTP, cfg.Admin, cfg.MQTT = dir, "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	cfg.PaymentTimeout, cfg.Mail = 2*time.Second, email.Config{From: "Openlot <parking@openlot.example>"}
	ctx, cancel := context.WithCancel(context.Background())
	started := make(chan app.Runtime, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- app.Serve(ctx, cfg, log, func(r app.Runtime) { started <- r })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve did not end cleanly: %v", err)
		}
	})
	select {
	case r := <-started:
		return r
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	case <-time.After(2 * time.Minute):
		t.Fatal("not started in time")
	}
	return app.Runtime{}
}

const park = `{"type":"FeatureCollection","features":[{"type":"Feature","geometry":{"type":"Point","coordinates":[13.74,51.05]},
	"properties":{"id":"dresden-altmarkt","name":"Altmarkt","city":"Dresden","kind":"underground","capacity":2,"tz":"Europe/Berlin","pay_at_machine":true}}]}`

func importPark(t *testing.T, dir, geojson string) (app.Imported, error) {
	t.Helper()
	db, stop, err := app.Tools(t.Context(), "", dir, true, quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	return app.Import(t.Context(), db, "Operator", strings.NewReader(geojson), time.Now().UTC())
}

type reservation struct {
	Reservation struct {
		ID      string `json:"id"`
		State   string `json:"state"`
		Pass    string `json:"pass"`
		Token   string `json:"manage_token"`
		Payment struct {
			State      string `json:"state"`
			NextAction string `json:"next_action"`
		} `json:"payment"`
		Change *struct {
			Payment struct {
				State      string `json:"state"`
				NextAction string `json:"next_action"`
			} `json:"payment"`
		} `json:"pending_change"`
	} `json:"reservation"`
	Code string `json:"code"`
}

func reserve(t *testing.T, base, key, method string) (int, reservation) {
	t.Helper()
	return reserveFrom(t, base, key, method, time.Now().UTC().Add(time.Hour).Truncate(time.Hour))
}

func reserveFrom(t *testing.T, base, key, method string, from time.Time) (int, reservation) {
	t.Helper()
	body := fmt.Sprintf(`{"parking_id":"dresden-altmarkt","space_type":"standard","from":%q,"to":%q,"payment_method":%q,"contact":{"email":"driver@example.org","phone":"+49 1511 2345678"}}`,
		from.Format(time.RFC3339), from.Add(2*time.Hour).Format(time.RFC3339), method)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/reserve", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	return call(t, req)
}

func call(t *testing.T, req *http.Request) (int, reservation) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var r reservation
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatalf("%s: %s", resp.Status, b)
	}
	return resp.StatusCode, r
}

// eventually asks until the answer satisfies; everything here is announced
// within a second.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(15 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatal("never: " + what)
		case <-tick.C:
		}
	}
}

func availableNow(t *testing.T, base string) string {
	t.Helper()
	resp, err := http.Get(base + "/parking?id=dresden-altmarkt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, _ := io.ReadAll(resp.Body)
	var p struct {
		AvailableNow *int `json:"available_now"`
	}
	if resp.StatusCode != http.StatusOK || json.Unmarshal(b, &p) != nil || p.AvailableNow == nil {
		return string(b)
	}
	return strconv.Itoa(*p.AvailableNow)
}

// One whole cloud on embedded parts: import, reserve, sell out, cancel, and
// the data is still there after a restart.
func TestTheCloudFromAnEmptyDirectory(t *testing.T) {
	dir := home(t)
	var first reservation
	t.Run("first run", func(t *testing.T) {
		log := &logged{}
		r := serveLogging(t, dir, slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
		base := "http://" + r.HTTP
		if done, err := importPark(t, dir, park); err != nil || done.New != 1 || done.ForSale != 1 {
			t.Fatal(done, err)
		}
		eventually(t, "the imported parking is listed", func() bool { return availableNow(t, base) == "2" })
		status, got := reserve(t, base, "first-key-0123456789", "pm_sandbox_ok")
		if status != http.StatusCreated || got.Reservation.State != "confirmed" || !strings.HasPrefix(got.Reservation.Pass, "PK1:") {
			t.Fatal(status, got)
		}
		first = got
		if status, got := reserve(t, base, "second-key-0123456789", "pm_sandbox_declined"); status != http.StatusPaymentRequired {
			t.Fatal(status, got)
		}
		// The parking takes promises, too.
		status, third := reserve(t, base, "third-key-0123456789", "cash")
		if status != http.StatusCreated || third.Reservation.State != "confirmed" || third.Reservation.Payment.State != "authorized" {
			t.Fatal(status, third)
		}
		if status, got := reserve(t, base, "fourth-key-0123456789", "pm_sandbox_ok"); status != http.StatusConflict || got.Code != "sold_out" {
			t.Fatal(status, got)
		}
		if status, again := reserve(t, base, "first-key-0123456789", "pm_sandbox_ok"); status != http.StatusCreated || again.Reservation.ID != first.Reservation.ID {
			t.Fatal(status, again)
		}
		personal(t, r, first, log)
		reminded(t, r, third)
	})
	t.Run("second run", func(t *testing.T) {
		base := "http://" + serve(t, dir).HTTP
		get, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/reservations/"+first.Reservation.ID, nil)
		if status, _ := call(t, get); status != http.StatusNotFound {
			t.Errorf("without the token: %d", status)
		}
		cancel, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/reservations/"+first.Reservation.ID+"/cancel", bytes.NewReader(nil))
		cancel.Header.Set("Authorization", "Bearer "+first.Reservation.Token)
		if status, got := call(t, cancel); status != http.StatusOK || got.Reservation.State != "cancelled" {
			t.Fatal(status, got)
		}
		get.Header.Set("Authorization", "Bearer "+first.Reservation.Token)
		eventually(t, "the hold is given back", func() bool {
			_, got := call(t, get)
			return got.Reservation.Payment.State == "voided"
		})
		if status, got := reserve(t, base, "fifth-key-0123456789", "pm_sandbox_ok"); status != http.StatusCreated {
			t.Fatal("the cancelled place is not sold again", status, got)
		}
	})
}

// logged is what a process has said.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// personal fails the test when the driver's number or address is anywhere but on
// the reservation: in a log, an answer, or another table. The built-in inbox holds
// what was sent to them.
func personal(t *testing.T, r app.Runtime, of reservation, log *logged) {
	t.Helper()
	said := map[string]string{"the log": log.String()}
	for _, path := range []string{"/parkings", "/parking?id=dresden-altmarkt", "/reservations/" + of.Reservation.ID, "/dev/sandbox/holds"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.HTTP+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+of.Reservation.Token)
		req.Header.Set("Accept", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(path, resp.Status, err)
		}
		said[path] = string(b)
	}
	db, err := pgx.Connect(t.Context(), r.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close(context.Background()) }()
	rows, err := db.Query(t.Context(), `select format('%I.%I', schemaname, tablename) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 20 {
		t.Fatal(tables, err)
	}
	for _, table := range tables {
		var text string
		if err := db.QueryRow(t.Context(), `select coalesce(string_agg(x::text, ' '), '') from `+table+` x`).Scan(&text); err != nil {
			t.Fatal(table, err)
		}
		if table == "public.dev_mail" || table == "public.dev_sms" {
			continue
		}
		said[table] = text
	}
	for where, text := range said {
		phone, email := strings.Contains(text, "15112345678"), strings.Contains(text, "driver@example.org")
		if here := where == "public.reservation"; phone != here || email != here {
			t.Errorf("%s: the number is there: %t, the address is there: %t", where, phone, email)
		}
	}
	if !strings.Contains(said["the log"], "/reserve") || len(said["public.event"]) == 0 {
		t.Error("nothing was looked at")
	}
}

// reminded makes the reservation one that ends soon, as the clock and the edge
// would, and fails the test unless the inbox shows the SMS, whose link opens it.
func reminded(t *testing.T, r app.Runtime, of reservation) {
	t.Helper()
	db, err := pgx.Connect(t.Context(), r.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close(context.Background()) }()
	i, err := id.Parse[id.Reservation](of.Reservation.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), `update reservation set state = 'active', reminded_at = now() where id = $1`, i.UUID()); err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(feed.Body{Reservation: &feed.Reservation{ID: i}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), `select record_event('dresden-altmarkt', 'reservation.ends_soon', $1)`, body); err != nil {
		t.Fatal(err)
	}
	type told struct {
		To      any    `json:"to"`
		Subject string `json:"subject"`
		Text    string `json:"text"`
	}
	var inbox struct {
		Mails []told `json:"mails"`
		SMS   []told `json:"sms"`
	}
	about := func(m told) bool { return strings.HasPrefix(m.Subject, "Your time at Altmarkt ends at ") }
	eventually(t, "the reminder by SMS and by mail", func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.HTTP+"/dev/mail", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if err := json.NewDecoder(resp.Body).Decode(&inbox); err != nil {
			t.Fatal(err)
		}
		return len(inbox.SMS) == 1 && slices.ContainsFunc(inbox.Mails, about)
	})
	link := "http://" + r.HTTP + "/#/r/" + of.Reservation.ID + "?token=" + of.Reservation.Token
	if got := inbox.SMS[0]; got.To != "+4915112345678" || !strings.HasPrefix(got.Text, "Your time at Altmarkt ends at ") || !strings.HasSuffix(got.Text, ". "+link) {
		t.Errorf("%+v, want a link to %s", got, link)
	}
}

// Postgres is killed under a running cloud: requests get a clear answer, the
// listing goes on from memory, and everything works again when it is back.
func TestThePrivatePostgresIsStartedAgain(t *testing.T) {
	dir := home(t)
	base := "http://" + serve(t, dir).HTTP
	if _, err := importPark(t, dir, strings.Replace(park, `"capacity":2`, `"capacity":20`, 1)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the imported parking is listed", func() bool { return availableNow(t, base) == "20" })
	b, err := os.ReadFile(filepath.Join(dir, "pg", "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.SplitN(string(b), "\n", 2)[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if got := availableNow(t, base); got != "20" {
		t.Errorf("the listing needs Postgres: %s", got)
	}
	tries, driver := 0, 0
	eventually(t, "a reservation after the crash", func() bool {
		tries++
		status, got := reserve(t, base, fmt.Sprintf("a-key-that-is-sent-again-by-%d", driver), "pm_sandbox_ok")
		// The provider's own connection may have been lost: that is said, and found
		// out by the completer, which takes its time. The next driver may have luck.
		unknown := status == http.StatusAccepted && got.Reservation.Payment.State == "unknown"
		if status != http.StatusCreated && status != http.StatusServiceUnavailable && got.Code != "request_in_progress" && !unknown {
			t.Fatalf("try %d: %d %+v", tries, status, got)
		}
		if unknown {
			driver++
		}
		return status == http.StatusCreated
	})
	resp, err := http.Get(base + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Error(resp.Status)
	}
}

func TestABusyPortIsNamedAndNothingIsStarted(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	for flag, cfg := range map[string]app.Config{
		"--http":  {HTTP: busy.Addr().String(), Admin: "127.0.0.1:0", MQTT: "127.0.0.1:0"},
		"--admin": {HTTP: "127.0.0.1:0", Admin: busy.Addr().String(), MQTT: "127.0.0.1:0"},
		"--mqtt":  {HTTP: "127.0.0.1:0", Admin: "127.0.0.1:0", MQTT: busy.Addr().String()},
	} {
		cfg.DataDir = home(t)
		err := app.Serve(t.Context(), cfg, quiet(), func(app.Runtime) { t.Error("started") })
		f := fault.From(err)
		if f.Code != app.CodePortBusy || !strings.Contains(f.Detail, flag) || !strings.Contains(f.Detail, busy.Addr().String()) {
			t.Errorf("%s: %v", flag, err)
		}
		left, err := os.ReadDir(cfg.DataDir)
		if err != nil || len(left) != 0 {
			t.Errorf("%s: left behind %v %v", flag, left, err)
		}
	}
}

func TestAMistypedDataDirMakesNoDatabase(t *testing.T) {
	dir := filepath.Join(home(t), "vra", "cloud")
	_, _, err := app.Tools(t.Context(), "", dir, false, quiet())
	if f := fault.From(err); f.Code != app.CodeNoDatabase || !strings.Contains(f.Detail, dir) {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("something was made there", err)
	}
}
