package booking_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/pass"
)

type shop struct {
	*booking.Service
	world    *bookingtest.World
	provider *bookingtest.Provider
	key      pass.SigningKey
	clock    *clock
}

func open(t testing.TB, capacity int16) *shop {
	t.Helper()
	tokens, err := booking.NewTokens([]byte(strings.Repeat("s", 32)))
	if err != nil {
		t.Fatal(err)
	}
	key, err := pass.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	picky := bookingtest.Parking("picky", capacity)
	picky.Policy.MinStay, picky.Policy.MinLead = time.Hour, 30*time.Minute
	listed := bookingtest.Parking("listed", 0)
	listed.SpaceTypes = nil
	s := &shop{provider: bookingtest.NewProvider(), key: key, clock: newClock()}
	s.world = bookingtest.NewWorld(s.clock.now, bookingtest.Parking(altmarkt, capacity), listed, picky)
	s.Service = booking.NewService(booking.Config{
		Store: s.world, Commits: s.world, Provider: s.provider, Tokens: tokens, Passes: booking.Passes{Key: key},
		Log: slog.New(slog.DiscardHandler), Now: s.clock.now,
	})
	return s
}

func (s *shop) request(key, method string) booking.Request {
	w := s.clock.window(time.Hour, 3*time.Hour)
	return booking.Request{
		Key: "a-key-of-the-test-" + key, Parking: string(altmarkt), SpaceType: "standard", From: w.From, To: w.To, Plate: "dd-ab 123",
		Method: method, Email: "driver@example.org", Phone: "+49 351 1234567",
	}
}

func (s *shop) reserve(t testing.TB, key, method string) booking.View {
	t.Helper()
	v, err := s.Reserve(context.Background(), s.request(key, method))
	if err != nil {
		t.Fatal(err)
	}
	check(t, s.world)
	return v
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if fault.Code(err) != code {
		t.Fatalf("error %v, want code %s", err, code)
	}
}

func TestReservingGivesAPassThatVerifies(t *testing.T) {
	for _, twice := range []bool{false, true} {
		s := open(t, 1)
		s.world.Twice = twice
		v := s.reserve(t, "k", bookingtest.OK)
		if v.Reservation.State != reservation.Confirmed || v.Payment.State != payment.Authorized || v.Payment.Amount.Minor != 400 ||
			v.Reservation.Plate != "DDAB123" || v.Reservation.Phone != "+493511234567" {
			t.Fatalf("%+v", v)
		}
		verifier, err := pass.NewVerifier([]pass.PublicKey{s.key.Public()})
		if err != nil {
			t.Fatal(err)
		}
		p, err := verifier.Verify(v.Pass)
		if err != nil {
			t.Fatal(err)
		}
		want := stored(t, s.world, v.Reservation.ID).Reservation
		if p.Reservation != want.ID || p.Parking != altmarkt || p.Revision != want.ConfirmedRevision || p.Generation != 1 || !p.To.Equal(want.Window.To) {
			t.Fatalf("%+v", p)
		}
		if err := s.Authenticate(want.ID, v.Token.Reveal()); err != nil {
			t.Fatal(err)
		}
		text, err := s.Pass(t.Context(), want.ID)
		if err != nil || text != v.Pass {
			t.Fatalf("the pass asked for later is another one: %v", err)
		}
		got, err := s.Get(t.Context(), want.ID)
		if err != nil || got.Pass != v.Pass || got.Reservation.Version != v.Reservation.Version {
			t.Fatalf("version %d, answered %d: %v", got.Reservation.Version, v.Reservation.Version, err)
		}
	}
}

// The completer finds the hold in the very batch in which the request books it:
// the pass still carries the revision of the event that confirmed it.
func TestAPassHasItsRevisionWhoeverConfirmed(t *testing.T) {
	s := open(t, 1)
	s.world.Ahead = func(op commit.Op) commit.Op {
		if r, ok := op.(*booking.RecordHold); ok {
			return &booking.RecordHold{Target: r.Target, Outcome: r.Outcome}
		}
		return nil
	}
	v := s.reserve(t, "k", bookingtest.OK)
	if want := stored(t, s.world, v.Reservation.ID).Reservation.ConfirmedRevision; want == 0 || v.Reservation.ConfirmedRevision != want || v.Pass == "" {
		t.Fatalf("revision %d, stored %d", v.Reservation.ConfirmedRevision, want)
	}
}

func TestRepeatedRequestIsAnsweredAsItStandsNow(t *testing.T) {
	s := open(t, 1)
	v := s.reserve(t, "k", bookingtest.OK)
	s.clock.at = s.clock.at.Add(2 * time.Hour) // the window has begun by now
	req := s.request("k", bookingtest.OK)
	req.From, req.To = v.Reservation.Window.From, v.Reservation.Window.To
	req.Plate = "DD AB 123" // the same, written otherwise
	again, err := s.Reserve(t.Context(), req)
	if err != nil || again.Reservation.ID != v.Reservation.ID || again.Pass != v.Pass || again.Token != v.Token {
		t.Fatalf("%+v, %v", again, err)
	}
	req.Plate = "XX 1"
	_, err = s.Reserve(t.Context(), req)
	wantCode(t, err, booking.CodeKeyReused)
	if s.provider.Calls() != 1 {
		t.Fatalf("the provider was asked %d times", s.provider.Calls())
	}
}

func TestDeclinedCardLeavesNothingBehind(t *testing.T) {
	s := open(t, 1)
	for range 2 { // the repetition is declined likewise, without asking again
		_, err := s.Reserve(t.Context(), s.request("k", bookingtest.Declined))
		wantCode(t, err, booking.CodeDeclined)
		if f := fault.From(err); f.Kind != fault.PaymentRequired || !strings.Contains(f.Fields["payment_method"], "insufficient_funds") {
			t.Fatalf("%+v", f)
		}
	}
	check(t, s.world)
	s.reserve(t, "k2", bookingtest.OK) // the only space is free again
	if s.provider.Calls() != 2 || s.provider.Standing() != 1 {
		t.Fatalf("%d calls, %d holds", s.provider.Calls(), s.provider.Standing())
	}
}

func TestSecondStep(t *testing.T) {
	for _, passed := range []bool{true, false} {
		s := open(t, 1)
		v := s.reserve(t, "k", bookingtest.SecondFactor)
		if v.Reservation.State != reservation.Held || v.Payment.State != payment.RequiresAction || v.Payment.NextAction == "" || v.Pass != "" || v.Pending() {
			t.Fatalf("%+v", v)
		}
		v, err := s.Confirm(t.Context(), v.Reservation.ID) // too early: nothing changes
		if err != nil || v.Payment.State != payment.RequiresAction {
			t.Fatalf("%+v, %v", v, err)
		}
		s.provider.Complete(v.Payment.Ref, passed)
		v2, err := s.Confirm(t.Context(), v.Reservation.ID)
		if passed {
			if err != nil || v2.Reservation.State != reservation.Confirmed || v2.Pass == "" {
				t.Fatalf("%+v, %v", v2, err)
			}
			v3, err := s.Confirm(t.Context(), v.Reservation.ID)
			if err != nil || v3.Pass != v2.Pass {
				t.Fatalf("confirmed again: %v", err)
			}
		} else {
			wantCode(t, err, booking.CodeDeclined)
			if stored(t, s.world, v.Reservation.ID).Reservation.State != reservation.Expired {
				t.Fatal("still held")
			}
		}
		check(t, s.world)
	}
}

func TestAProviderThatFailsForAMomentIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, 1)
		if v := s.reserve(t, "k", bookingtest.Flaky); v.Reservation.State != reservation.Confirmed || s.provider.Standing() != 1 || s.provider.Calls() != 3 {
			t.Fatalf("%+v", v)
		}
	})
}

func TestNoAnswerIsUnknownAndNeverAskedForUnderAnotherKey(t *testing.T) {
	for _, method := range []string{bookingtest.Timeout, bookingtest.Dead} {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, 1)
			began := time.Now()
			v := s.reserve(t, "k", method)
			if !v.Pending() || v.Payment.State != payment.Unknown || v.Pass != "" || time.Since(began) > 10*time.Second {
				t.Fatalf("%+v after %s", v, time.Since(began))
			}
			again := s.reserve(t, "k", method)
			if !again.Pending() || again.Reservation.ID != v.Reservation.ID {
				t.Fatalf("%+v", again)
			}
			// The completer finds out and confirms it.
			key := stored(t, s.world, v.Reservation.ID).Payment
			outcome, err := s.provider.Find(t.Context(), key.Key(payment.CallHold))
			if method == bookingtest.Dead {
				if !errors.Is(err, payment.ErrNotFound) {
					t.Fatal(err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := s.RecordHold(t.Context(), altmarkt, v.Reservation.ID, v.Payment.ID, outcome); err != nil {
				t.Fatal(err)
			}
			if v := s.reserve(t, "k", method); v.Reservation.State != reservation.Confirmed || v.Pass == "" || s.provider.Standing() != 1 {
				t.Fatalf("%+v", v)
			}
		})
	}
}

func TestAClosedBrowserLosesNoAnswer(t *testing.T) {
	s := open(t, 1)
	ctx, hangUp := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := s.Reserve(ctx, s.request("k", bookingtest.Gated))
		done <- err
	}()
	<-s.provider.Arrived
	hangUp()
	_, err := s.Reserve(t.Context(), s.request("k", bookingtest.Gated))
	wantCode(t, err, booking.CodeInProgress)
	s.provider.Gate <- struct{}{}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if v := s.reserve(t, "k", bookingtest.Gated); v.Reservation.State != reservation.Confirmed || s.provider.Calls() != 1 {
		t.Fatalf("%+v", v)
	}
}

func TestAHoldThatComesAfterCancellingIsGivenBack(t *testing.T) {
	s := open(t, 1)
	done := make(chan booking.View, 1)
	go func() {
		v, err := s.Reserve(context.Background(), s.request("k", bookingtest.Gated))
		if err != nil {
			t.Error(err)
		}
		done <- v
	}()
	<-s.provider.Arrived
	held := s.world.All()[0].Reservation.ID
	v, err := s.Cancel(t.Context(), held)
	if err != nil || v.Reservation.State != reservation.Cancelled {
		t.Fatalf("%+v, %v", v, err)
	}
	s.provider.Gate <- struct{}{}
	if v := <-done; v.Reservation.State != reservation.Cancelled || v.Payment.State != payment.VoidRequested || v.Pass != "" {
		t.Fatalf("%+v", v)
	}
	if at := stored(t, s.world, held); at.Payment.Ref == "" || at.Payment.Authorized != 400 {
		t.Fatalf("the hold is not known: %+v", at.Payment)
	}
	check(t, s.world)
}

// A process that died between the commit and the provider's answer is taken
// over by the next repetition of the request.
func TestARepetitionTakesOverWhatWasAbandoned(t *testing.T) {
	s := open(t, 1)
	s.world.Down(nil)
	lost := fault.New(fault.Unavailable, "database_unavailable", "Away.")
	go func() {
		<-s.provider.Arrived
		s.world.Down(lost) // the answer cannot be booked
		s.provider.Gate <- struct{}{}
	}()
	_, err := s.Reserve(t.Context(), s.request("k", bookingtest.Gated))
	wantCode(t, err, "database_unavailable")
	s.world.Down(nil)
	req := s.request("k", bookingtest.Gated)
	_, err = s.Reserve(t.Context(), req)
	wantCode(t, err, booking.CodeInProgress)
	s.clock.at = s.clock.at.Add(30 * time.Second)
	go func() { s.provider.Gate <- struct{}{} }()
	v, err := s.Reserve(t.Context(), req)
	if err != nil || v.Reservation.State != reservation.Confirmed || s.provider.Standing() != 1 {
		t.Fatalf("%+v, %v", v, err)
	}
	check(t, s.world)
}

func TestExpiryTellsWhenToComeAgain(t *testing.T) {
	s := open(t, 1)
	v := s.reserve(t, "k", bookingtest.SecondFactor)
	again, err := s.Expire(t.Context(), altmarkt, v.Reservation.ID)
	if err != nil || !again.Equal(v.Reservation.HoldUntil) {
		t.Fatalf("%s, %v", again, err)
	}
	s.clock.at = again
	again, err = s.Expire(t.Context(), altmarkt, v.Reservation.ID)
	if err != nil || !again.IsZero() || stored(t, s.world, v.Reservation.ID).Reservation.State != reservation.Expired {
		t.Fatalf("%s, %v", again, err)
	}
	// The second step is passed after all: what is held is given back.
	s.provider.Complete(v.Payment.Ref, true)
	got, err := s.Confirm(t.Context(), v.Reservation.ID)
	if err != nil || got.Reservation.State != reservation.Expired || got.Payment.State != payment.VoidRequested {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestWhatIsWrongWithARequest(t *testing.T) {
	s := open(t, 1)
	day := 24 * time.Hour
	for name, x := range map[string]struct {
		change func(*booking.Request)
		code   string
		field  string
	}{
		"no key":           {func(r *booking.Request) { r.Key = "" }, booking.CodeKeyMissing, ""},
		"blank in the key": {func(r *booking.Request) { r.Key = "a key with blanks in it" }, booking.CodeKeyInvalid, ""},
		"short key":        {func(r *booking.Request) { r.Key = "1" }, booking.CodeKeyInvalid, ""},
		"long key":         {func(r *booking.Request) { r.Key = strings.Repeat("k", 256) }, booking.CodeKeyInvalid, ""},
		"empty window":     {func(r *booking.Request) { r.To = r.From }, booking.CodeWindowEmpty, "to"},
		"reversed window":  {func(r *booking.Request) { r.To = r.From.Add(-time.Hour) }, booking.CodeWindowEmpty, "to"},
		"window in past":   {func(r *booking.Request) { r.From = r.From.Add(-2 * time.Hour) }, booking.CodeWindowInPast, "from"},
		"long window":      {func(r *booking.Request) { r.To = r.From.Add(30*day + time.Second) }, booking.CodeWindowTooLong, "to"},
		"absurd window":    {func(r *booking.Request) { r.To = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC) }, booking.CodeWindowTooLong, "to"},
		"from the first":   {func(r *booking.Request) { r.From = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC) }, booking.CodeWindowInPast, "from"},
		"from the last": {func(r *booking.Request) {
			r.From, r.To = time.Date(9999, 12, 31, 22, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 0, 0, 0, time.UTC)
		}, booking.CodeBeyondHorizon, "to"},
		"from end to end":   {func(r *booking.Request) { r.From, r.To = time.Time{}, time.Unix(1<<62, 0) }, parking.CodeBeyondHorizon, "to"},
		"across horizon":    {func(r *booking.Request) { r.From, r.To = r.From.Add(89*day), r.From.Add(91*day) }, booking.CodeBeyondHorizon, "to"},
		"far window":        {func(r *booking.Request) { r.From, r.To = r.From.Add(90*day), r.To.Add(90*day) }, booking.CodeBeyondHorizon, "to"},
		"short window":      {func(r *booking.Request) { r.Parking, r.To = "picky", r.From.Add(time.Hour-time.Second) }, parking.CodeWindowTooShort, "to"},
		"soon":              {func(r *booking.Request) { r.Parking, r.From = "picky", s.clock.at.Add(29*time.Minute) }, parking.CodeWindowTooSoon, "from"},
		"unknown parking":   {func(r *booking.Request) { r.Parking = "nowhere" }, booking.CodeParkingNotFound, ""},
		"impossible name":   {func(r *booking.Request) { r.Parking = "No Where" }, booking.CodeParkingNotFound, ""},
		"unknown type":      {func(r *booking.Request) { r.SpaceType = "ev" }, booking.CodeSpaceTypeUnknown, "space_type"},
		"no type":           {func(r *booking.Request) { r.SpaceType = "" }, booking.CodeSpaceTypeUnknown, "space_type"},
		"listed only":       {func(r *booking.Request) { r.Parking = "listed" }, booking.CodeNotForSale, ""},
		"no card":           {func(r *booking.Request) { r.Method = "" }, booking.CodeRequestInvalid, "payment_method"},
		"a card's number":   {func(r *booking.Request) { r.Method = "4242424242424242" }, booking.CodeRequestInvalid, "payment_method"},
		"no e-mail":         {func(r *booking.Request) { r.Email = "" }, booking.CodeRequestInvalid, "contact.email"},
		"bad e-mail":        {func(r *booking.Request) { r.Email = "driver" }, booking.CodeRequestInvalid, "contact.email"},
		"e-mail with name":  {func(r *booking.Request) { r.Email = "Eve <e@example.org>" }, booking.CodeRequestInvalid, "contact.email"},
		"header injection":  {func(r *booking.Request) { r.Email = "e@example.org\r\nBcc: x@example.org" }, booking.CodeRequestInvalid, "contact.email"},
		"national phone":    {func(r *booking.Request) { r.Phone = "0351 1234567" }, booking.CodeRequestInvalid, "contact.phone"},
		"no plan's phone":   {func(r *booking.Request) { r.Phone = "+49 0351 1234567" }, booking.CodeRequestInvalid, "contact.phone"},
		"no country's":      {func(r *booking.Request) { r.Phone = "+999123456789" }, booking.CodeRequestInvalid, "contact.phone"},
		"phone with words":  {func(r *booking.Request) { r.Phone = "+493511234567;ext=8" }, booking.CodeRequestInvalid, "contact.phone"},
		"endless phone":     {func(r *booking.Request) { r.Phone = "+" + strings.Repeat("4", 40) }, booking.CodeRequestInvalid, "contact.phone"},
		"short phone":       {func(r *booking.Request) { r.Phone = "+49" }, booking.CodeRequestInvalid, "contact.phone"},
		"long plate":        {func(r *booking.Request) { r.Plate = "ABCDEFGHIJKLM" }, booking.CodeRequestInvalid, "vehicle_plate"},
		"odd plate":         {func(r *booking.Request) { r.Plate = "DD<script>" }, booking.CodeRequestInvalid, "vehicle_plate"},
		"bad quote":         {func(r *booking.Request) { r.Quote = "quo_x" }, booking.CodeRequestInvalid, "quote_id"},
		"quote never given": {func(r *booking.Request) { r.Quote = id.New[id.Quote](s.clock.at).String() }, booking.CodeQuoteExpired, "quote_id"},
	} {
		t.Run(name, func(t *testing.T) {
			req := s.request("k", bookingtest.OK)
			x.change(&req)
			_, err := s.Reserve(t.Context(), req)
			wantCode(t, err, x.code)
			if _, named := fault.From(err).Fields[x.field]; x.field != "" && !named {
				t.Fatalf("fields %v do not name %s", fault.From(err).Fields, x.field)
			}
		})
	}
	if len(s.world.All()) != 0 || s.provider.Calls() != 0 || len(s.world.Events(altmarkt)) != 0 {
		t.Fatal("a bad request left something behind")
	}
	s.reserve(t, "k", bookingtest.OK)
}

func TestAWindowMayBeginInTheRunningQuarter(t *testing.T) {
	s := open(t, 1)
	req := s.request("k", bookingtest.OK)
	req.From = s.clock.at.Truncate(15 * time.Minute)
	if _, err := s.Reserve(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	req.Key, req.From = "a-key-that-is-long-2", req.From.Add(-time.Second)
	_, err := s.Reserve(t.Context(), req)
	wantCode(t, err, booking.CodeWindowInPast)
}

func TestTheLastSpacesAreSoldOnce(t *testing.T) {
	s := open(t, 3)
	var wg sync.WaitGroup
	sold := make(chan id.Reservation, 20)
	for i := range 20 {
		wg.Go(func() {
			v, err := s.Reserve(context.Background(), s.request(fmt.Sprint("k", i), bookingtest.OK))
			if err == nil {
				sold <- v.Reservation.ID
			} else if fault.Code(err) != booking.CodeSoldOut {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(sold) != 3 || s.provider.Standing() != 3 {
		t.Fatalf("%d sold, %d held", len(sold), s.provider.Standing())
	}
	check(t, s.world)
}

func TestTokensOpenOneReservationAndDoNotShow(t *testing.T) {
	s := open(t, 2)
	a, b := s.reserve(t, "a", bookingtest.OK), s.reserve(t, "b", bookingtest.OK)
	for name, x := range map[string]struct {
		r     id.Reservation
		token string
	}{
		"another's": {a.Reservation.ID, b.Token.Reveal()}, "none": {a.Reservation.ID, ""},
		"altered": {a.Reservation.ID, a.Token.Reveal() + "a"}, "unknown": {id.New[id.Reservation](s.clock.at), a.Token.Reveal()},
	} {
		if err := s.Authenticate(x.r, x.token); fault.Code(err) != booking.CodeReservationNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	var log strings.Builder
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	logger.Info("x", "token", a.Token, "view", a.Token)
	shown := log.String() + fmt.Sprintf("%v %+v %#v %s", a.Token, a.Token, a.Token, a.Token)
	if secret := a.Token.Reveal()[3:]; len(secret) != 32 || strings.Contains(shown, secret) {
		t.Fatalf("token of %d characters, shown: %s", len(secret), shown)
	}
	if _, err := booking.NewTokens([]byte("short")); err == nil {
		t.Fatal("a short secret was taken")
	}
}

func TestThereIsNoPassBeforeAndAfter(t *testing.T) {
	s := open(t, 2)
	held := s.reserve(t, "a", bookingtest.SecondFactor)
	_, err := s.Pass(t.Context(), held.Reservation.ID)
	wantCode(t, err, reservation.CodeNotConfirmed)
	gone := s.reserve(t, "b", bookingtest.OK)
	if v, err := s.Cancel(t.Context(), gone.Reservation.ID); err != nil || v.Pass != "" {
		t.Fatalf("%+v, %v", v, err)
	}
	_, err = s.Pass(t.Context(), gone.Reservation.ID)
	wantCode(t, err, reservation.CodeFinished)
	_, err = s.Pass(t.Context(), id.New[id.Reservation](s.clock.at))
	wantCode(t, err, booking.CodeReservationNotFound)
}
