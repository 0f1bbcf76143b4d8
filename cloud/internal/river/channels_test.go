package river_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/devmail"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/locale"
	"github.com/openlot/openlot/cloud/internal/notify"
	"github.com/openlot/openlot/cloud/internal/notify/email"
	"github.com/openlot/openlot/cloud/internal/notify/sms"
	"github.com/openlot/openlot/cloud/internal/notify/sms/smstest"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/relay"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/river"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// guests are the drivers of vehicles that are inside, as a Details says them.
type guests struct {
	mu    sync.Mutex
	phone map[id.Reservation]string
	to    time.Time // the end of their windows, which the messages say
}

func (g *guests) Details(_ context.Context, at id.Parking, r id.Reservation) (notify.Mail, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	to := g.to
	return notify.Mail{
		To: "jana@posteo.example", Phone: g.phone[r], Reservation: r, Generation: 1, State: reservation.Active, Confirmed: true, Reminded: true,
		Parking: at, Name: "Altmarkt", Zone: time.UTC, Window: timerange.Range{From: to.Add(-time.Hour), To: to},
		ManageURL: "http://localhost/#/r/" + r.String(),
	}, nil
}

func (*guests) Receipt(context.Context, id.Reservation, locale.Reader) (notify.Paper, error) {
	return notify.Paper{}, errors.New("there is none")
}

// The end of a stay is told once over each channel, whatever becomes of the
// provider of SMS: away, broken after it took a message, or refusing for good.
// Mail does not wait for it and is not sent again.
func TestAReminderGoesOnceOverEachChannel(t *testing.T) {
	db, dsn := migrated(t)
	postgrestest.Import(t, db, time.Now(), postgrestest.Parking("a", 10))
	owner := postgrestest.Owner(t, dsn)
	provider := smstest.NewProvider(t)
	peer, err := sms.NewTwilio(provider.Config())
	if err != nil {
		t.Fatal(err)
	}
	inbox := postgres.NewDevMail(db)
	post, err := devmail.Listen("127.0.0.1:0", inbox, time.Now, quiet)
	if err != nil {
		t.Fatal(err)
	}
	run(t, post.Run)
	mail, err := email.New(email.Config{Addr: post.Addr(), From: "Openlot <noreply@openlot.example>", Security: email.Plain}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	who := &guests{phone: map[id.Reservation]string{}, to: time.Now().Add(15 * time.Minute)}
	tell := notify.NewService(who, map[notify.Channel]notify.Sender{notify.ByMail: mail, notify.BySMS: sms.New(peer)}, time.Now, quiet)
	for range 2 { // as in two processes
		w, err := river.NewWorkers(db.Pool(), relay.Handlers((*settlement.Service)(nil), tell, nil, nil), nil, time.Now, quiet)
		if err != nil {
			t.Fatal(err)
		}
		run(t, w.Run)
		run(t, relay.New(postgres.NewRelay(db, queue(t, db)), quiet).Run)
	}
	until := func(what string, is func() bool) {
		t.Helper()
		for began := time.Now(); !is(); {
			if time.Since(began) > 20*time.Second {
				t.Fatalf("%s: not within twenty seconds", what)
			}
		}
	}
	mails := func() int {
		list, err := inbox.Mails(t.Context(), devmail.Query{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	jobs := func(where string) (n int) {
		t.Helper()
		if err := owner.QueryRow(t.Context(), `select count(*) from river.river_job where kind = 'sms_ends_soon' and `+where).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}

	// Six have a number; one of them is none that the provider would reach. Two
	// have given no number.
	provider.FailAll(http.MethodPost, &smstest.Fault{Status: 503})
	const all, withNumber, none = 8, 5, "+49151"
	want := map[string]bool{}
	var one id.Reservation
	var everybody []id.Reservation
	for i := range all {
		r := id.New[id.Reservation](time.Now())
		switch {
		case i < withNumber:
			one = r
			who.phone[r] = fmt.Sprintf("+4915112345%03d", i)
			want[who.phone[r]] = true
		case i == withNumber:
			who.phone[r] = none
		}
		everybody = append(everybody, r)
	}
	for _, r := range everybody { // the first event is worked on at once: who they are is settled by then
		body, _ := json.Marshal(feed.Body{Reservation: &feed.Reservation{ID: r}})
		if _, err := owner.Exec(t.Context(), `select record_event('a', 'reservation.ends_soon', $1)`, body); err != nil {
			t.Fatal(err)
		}
	}
	until("all mail while SMS are away", func() bool { return mails() == all })
	until("every SMS was tried", func() bool { return jobs(`cardinality(errors) > 0`) == withNumber+1 })
	if got := provider.Messages(); len(got) > 0 {
		t.Fatalf("sent %v", got)
	}
	provider.Fail(http.MethodPost, smstest.Fault{Takes: true}, smstest.Fault{Takes: true, Status: 500}, smstest.Fault{Status: 429, Code: 20429})
	provider.FailAll(http.MethodPost, nil)
	until("every SMS is settled", func() bool { return jobs(`state in ('completed', 'cancelled')`) == all })

	// The same once more, as after a job whose end was lost.
	again := []relay.Job{{Kind: relay.SMSEndsSoon, Parking: "a", Reservation: one}, {Kind: relay.SMSEndsSoon, Parking: "a", Revision: 1 << 40, Reservation: one}}
	if err := queue(t, db).Insert(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	until("the doubled jobs are settled", func() bool { return jobs(`state in ('completed', 'cancelled')`) == all+2 })

	taken := 0
	for _, m := range provider.Messages() {
		taken++
		if !want[m.To] {
			t.Errorf("%s got %q twice, or without having asked", m.To, m.Text)
		}
		delete(want, m.To)
	}
	if len(want) > 0 || taken != withNumber || mails() != all {
		t.Errorf("%d SMS, %d mails; without an SMS: %v", taken, mails(), want)
	}
	var said string
	err = owner.QueryRow(t.Context(), `select string_agg(e->>'error', ' / ') from river.river_job j, unnest(j.errors) e
		where kind = 'sms_ends_soon' and state = 'cancelled'`).Scan(&said)
	if err != nil || !strings.Contains(said, "400, code 21211") {
		t.Errorf("what was refused for good is not on record: %q, %v", said, err)
	}
	var leaks int
	err = owner.QueryRow(t.Context(), `select count(*) from river.river_job where to_jsonb(river_job)::text ~ '15112345|posteo|\+49151'`).Scan(&leaks)
	if err != nil || leaks > 0 {
		t.Errorf("%d jobs name a number or an address: %v", leaks, err)
	}
	if n := jobs(`state = 'cancelled'`); n != 1 {
		t.Errorf("%d jobs were given up", n)
	}
}
