package notify_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/locale"
	"github.com/openlot/openlot/cloud/internal/notify"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
)

type details struct {
	mail notify.Mail
	err  error
}

func (d details) Details(context.Context, id.Parking, id.Reservation) (notify.Mail, error) {
	return d.mail, d.err
}

func (d details) Receipt(context.Context, id.Reservation, locale.Reader) (notify.Paper, error) {
	return notify.Paper{Number: "north-1"}, d.err
}

type sent []notify.Kind

func (s *sent) Send(_ context.Context, k notify.Kind, _ notify.Mail) error {
	*s = append(*s, k)
	return nil
}

func TestOnlyWhatIsStillTrueIsSent(t *testing.T) {
	now := time.Date(2026, 6, 11, 8, 0, 0, 0, time.UTC)
	ahead := timerange.Range{From: now.Add(time.Hour), To: now.Add(2 * time.Hour)}
	for _, c := range []struct {
		name string
		kind notify.Kind
		mail notify.Mail
		want bool
	}{
		{"a confirmed reservation", notify.Confirmation, notify.Mail{To: "a@b", State: reservation.Confirmed, Confirmed: true, Window: ahead}, true},
		{"a vehicle that is inside already", notify.Confirmation, notify.Mail{To: "a@b", State: reservation.Active, Confirmed: true, Window: ahead}, true},
		{"a confirmation that was overtaken by a cancellation", notify.Confirmation, notify.Mail{To: "a@b", State: reservation.Cancelled, Confirmed: true, Window: ahead}, false},
		{"a confirmation after the stay", notify.Confirmation, notify.Mail{To: "a@b", State: reservation.Completed, Confirmed: true, Window: ahead}, false},
		{"a confirmation of a time that has passed", notify.Confirmation, notify.Mail{
			To: "a@b", State: reservation.Confirmed, Confirmed: true,
			Window: timerange.Range{From: now.Add(-2 * time.Hour), To: now},
		}, false},
		{"a cancellation", notify.Cancellation, notify.Mail{To: "a@b", State: reservation.Cancelled, Confirmed: true, Window: ahead}, true},
		{"a cancellation of what was never confirmed", notify.Cancellation, notify.Mail{To: "a@b", State: reservation.Cancelled, Window: ahead}, false},
		{"a change", notify.Changed, notify.Mail{To: "a@b", State: reservation.Active, Confirmed: true, Window: ahead}, true},
		{"a change that was overtaken by a cancellation", notify.Changed, notify.Mail{To: "a@b", State: reservation.Cancelled, Confirmed: true, Window: ahead}, false},
		{"a no-show", notify.NoShow, notify.Mail{To: "a@b", State: reservation.NoShow, Confirmed: true, Window: ahead}, true},
		{"a no-show who has come since", notify.NoShow, notify.Mail{To: "a@b", State: reservation.Active, Confirmed: true, Window: ahead}, false},
		{"a guest who was sent away", notify.Walked, notify.Mail{To: "a@b", State: reservation.Walked, Confirmed: true, Window: ahead}, true},
		{"a reservation that was taken back", notify.Voided, notify.Mail{To: "a@b", State: reservation.Voided, Confirmed: true, Window: ahead}, true},
		{"one that was taken back before it was paid for", notify.Voided, notify.Mail{To: "a@b", State: reservation.Voided, Window: ahead}, false},
		{"a receipt", notify.Receipt, notify.Mail{To: "a@b", State: reservation.Completed, Confirmed: true, Window: ahead}, true},
		{"a receipt of a no-show who has come since", notify.Receipt, notify.Mail{To: "a@b", State: reservation.Active, Confirmed: true, Window: ahead}, false},
		{"an end that is near", notify.EndsSoon, notify.Mail{To: "a@b", State: reservation.Active, Confirmed: true, Reminded: true, Window: ahead}, true},
		{"an end of which he does not want a mail", notify.EndsSoon, notify.Mail{
			To: "a@b", State: reservation.Active, Confirmed: true, Reminded: true, Window: ahead, Wishes: notify.Wishes{Quiet: []notify.Channel{notify.ByMail}},
		}, false},
		{"an end of which he does not want an SMS", notify.EndsSoon, notify.Mail{
			To: "a@b", State: reservation.Active, Confirmed: true, Reminded: true, Window: ahead, Wishes: notify.Wishes{Quiet: []notify.Channel{notify.BySMS}},
		}, true},
		{"a cancellation to who wants no reminders", notify.Cancellation, notify.Mail{
			To: "a@b", State: reservation.Cancelled, Confirmed: true, Window: ahead, Wishes: notify.Wishes{Quiet: []notify.Channel{notify.ByMail, notify.BySMS}},
		}, true},
		{"an end that was moved", notify.EndsSoon, notify.Mail{To: "a@b", State: reservation.Active, Confirmed: true, Window: ahead}, false},
		{"an end after the exit", notify.EndsSoon, notify.Mail{To: "a@b", State: reservation.Completed, Confirmed: true, Reminded: true, Window: ahead}, false},
		{"an end that has passed", notify.EndsSoon, notify.Mail{
			To: "a@b", State: reservation.Active, Confirmed: true, Reminded: true, Window: timerange.Range{From: now.Add(-time.Hour), To: now},
		}, false},
		{"a hold that has lapsed", notify.Unsecured, notify.Mail{To: "a@b", State: reservation.Active, Confirmed: true, Payment: payment.Lapsed, Window: ahead}, true},
		{"a hold that was renewed since", notify.Unsecured, notify.Mail{To: "a@b", State: reservation.Active, Confirmed: true, Payment: payment.Authorized, Window: ahead}, false},
		{"a bank that asks", notify.Unsecured, notify.Mail{To: "a@b", State: reservation.Confirmed, Confirmed: true, Payment: payment.Authorized, AsksBank: true, Window: ahead}, true},
		{"a card that is kept", notify.Unsecured, notify.Mail{To: "a@b", State: reservation.Confirmed, Confirmed: true, Payment: payment.MethodKept, Window: ahead}, false},
		{"a card that was kept and said no", notify.Unsecured, notify.Mail{To: "a@b", State: reservation.Confirmed, Confirmed: true, Payment: payment.MethodKept, Refused: true, Window: ahead}, true},
		{"a debt that the card did not pay", notify.Owing, notify.Mail{To: "a@b", State: reservation.Completed, Confirmed: true, Owed: money.New(480, "EUR")}, true},
		{"a debt that is paid since", notify.Owing, notify.Mail{To: "a@b", State: reservation.Completed, Confirmed: true, OwedPaid: true, Owed: money.New(0, "EUR")}, false},
		{"a second step before anything is reserved", notify.Unsecured, notify.Mail{To: "a@b", State: reservation.Held, Payment: payment.RequiresAction, AsksBank: true, Window: ahead}, false},
		{"nothing that is known", "birthday", notify.Mail{To: "a@b", State: reservation.Active, Confirmed: true, Window: ahead}, false},
		{"nobody", notify.Confirmation, notify.Mail{State: reservation.Confirmed, Confirmed: true, Window: ahead}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out sent
			s := notify.NewService(details{mail: c.mail}, map[notify.Channel]notify.Sender{notify.ByMail: &out}, func() time.Time { return now }, slog.New(slog.DiscardHandler))
			if err := s.Notify(t.Context(), notify.ByMail, c.kind, "altmarkt", id.New[id.Reservation](now)); err != nil {
				t.Fatal(err)
			}
			if (len(out) == 1) != c.want {
				t.Fatalf("sent %v", out)
			}
		})
	}
	away := errors.New("the database is away")
	var out sent
	s := notify.NewService(details{err: away}, map[notify.Channel]notify.Sender{notify.ByMail: &out}, time.Now, slog.New(slog.DiscardHandler))
	if err := s.Notify(t.Context(), notify.ByMail, notify.Confirmation, "altmarkt", id.New[id.Reservation](now)); !errors.Is(err, away) || len(out) > 0 {
		t.Fatalf("%v, sent %v", err, out)
	}
}

func TestEachChannelNeedsItsOwnAddress(t *testing.T) {
	now := time.Date(2026, 6, 11, 8, 0, 0, 0, time.UTC)
	inside := notify.Mail{State: reservation.Active, Confirmed: true, Reminded: true, Window: timerange.Range{From: now.Add(-time.Hour), To: now.Add(time.Hour)}}
	for _, c := range []struct{ mail, phone string }{{"a@b", "+4915112345678"}, {"a@b", ""}, {"", "+4915112345678"}, {"", ""}} {
		m := inside
		m.To, m.Phone = c.mail, c.phone
		var mails, texts sent
		s := notify.NewService(details{mail: m}, map[notify.Channel]notify.Sender{notify.ByMail: &mails, notify.BySMS: &texts}, func() time.Time { return now }, slog.New(slog.DiscardHandler))
		for _, by := range []notify.Channel{notify.ByMail, notify.BySMS} {
			if err := s.Notify(t.Context(), by, notify.EndsSoon, "altmarkt", id.New[id.Reservation](now)); err != nil {
				t.Fatal(err)
			}
		}
		if (len(mails) == 1) != (c.mail != "") || (len(texts) == 1) != (c.phone != "") {
			t.Errorf("%+v: %v by mail, %v by SMS", c, mails, texts)
		}
	}
	s := notify.NewService(details{mail: inside}, nil, time.Now, slog.New(slog.DiscardHandler))
	if err := s.Notify(t.Context(), "pigeon", notify.EndsSoon, "altmarkt", id.New[id.Reservation](now)); !errors.Is(err, notify.ErrPermanent) {
		t.Errorf("a channel that nobody has: %v", err)
	}
}
