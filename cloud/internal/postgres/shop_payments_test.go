package postgres_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/books"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/shop"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// owing is a shop of which codes were used, with the books of its operator.
type owing struct {
	*counting
	s     *shop.Service
	owner *pgx.Conn
}

func newOwing(t *testing.T, now time.Time) *owing {
	t.Helper()
	c := newCounting(t)
	c.at(now)
	o := &owing{counting: c, owner: postgrestest.Owner(t, c.dsn), s: &shop.Service{Store: postgres.NewShops(c.db), Commits: c.commits, Now: c.now}}
	for _, name := range []string{"Kino", "Oper"} {
		if _, err := o.s.Add(t.Context(), "berlin", shop.Shop{Name: name, Gives: shop.Amount, Value: 150, GoodUntil: now.Add(time.Hour)}, parking.Author{}); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

// use is a code that took something off.
func (o *owing) use(at time.Time, serial int, minor int64) {
	o.t.Helper()
	s := id.New[id.Session](at)
	o.book("berlin", ledger.ShopTaken(id.Reservation{}, s, money.New(minor, "EUR")))
	if _, err := o.owner.Exec(o.t.Context(), `insert into shop_use (parking, payment, number, serial, session, amount, currency, at) values ('berlin', $1, 1, $2, $3, $4, 'EUR', $5)`,
		id.New[id.Payment](at).String(), serial, s.UUID(), minor, at); err != nil {
		o.t.Fatal(err)
	}
}

func (o *owing) pay(p shop.Pay) (commit.ShopPayment, error) {
	p.In, p.Shop, p.By = "berlin", 1, parking.Author{Name: "acc_1"}
	if p.ID.IsZero() {
		p.ID = id.New[id.ShopPayment](time.Now())
	}
	if p.Way == "" {
		p.Way = "transfer"
	}
	return o.s.Pay(o.t.Context(), &p)
}

// agrees holds the rows against the ledger: what is on the account of the shops is what was
// taken off and not paid.
func (o *owing) agrees(want int64) {
	o.t.Helper()
	st, err := o.s.Statement(o.t.Context(), "berlin", 1, shop.Days{})
	if err != nil || st.Balance() != want {
		o.t.Errorf("the statement says %d, want %d: %v", st.Balance(), want, err)
	}
	for query, want := range map[string]int{
		`select coalesce(sum(amount), 0)::int from ledger_entry where account = 'shops'`:                                                                int(want),
		`select (coalesce((select sum(amount) from shop_use), 0) - coalesce((select sum(amount) from shop_payment where reversed_at is null), 0))::int`: int(want),
		`select coalesce(sum(amount), 0)::int from ledger_entry`:                                                                                        0,
	} {
		if n := count(o.t, o.owner, query); n != want {
			o.t.Errorf("%s: %d, want %d", query, n, want)
		}
	}
}

// What a shop has paid is in the books once, whoever sends it how often, with its row or not
// at all; what was wrong is taken back once and stays on record.
func TestWhatAShopHasPaidIsBookedOnce(t *testing.T) {
	noon := time.Date(2026, 6, 11, 12, 0, 0, 0, time.UTC)
	o := newOwing(t, noon)
	o.use(noon, 1, 150)
	o.use(noon, 2, 90)
	o.agrees(240)
	one := shop.Pay{ID: id.New[id.ShopPayment](noon), Minor: 200, PaidOn: "2026-06-10", Note: "invoice 7"}
	var all sync.WaitGroup
	for range 8 { // from several at once, as after lost answers
		all.Go(func() {
			if got, err := o.pay(one); err != nil || got.Amount.Minor != 200 || got.PaidOn != "2026-06-10" || got.By != "acc_1" || !got.BookedAt.Equal(noon) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	all.Wait()
	o.agrees(40)
	other := one
	other.Minor = 300
	if _, err := o.pay(other); fault.Code(err) != shop.CodeKeyReused {
		t.Errorf("another amount under the same key: %v", err)
	}
	for field, bad := range map[string]shop.Pay{
		"amount":  {Minor: 0, PaidOn: "2026-06-10"},
		"paid_on": {Minor: 1, PaidOn: "2026-06-12"},
		"way":     {Minor: 1, PaidOn: "2026-06-10", Way: "barter"},
		"note":    {Minor: 1, PaidOn: "2026-06-10", Note: "a\x00b"},
	} {
		_, err := o.pay(bad)
		if fault.Code(err) != shop.CodePaymentInvalid || fault.From(err).Fields[field] == "" {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := o.s.Pay(t.Context(), &shop.Pay{In: "berlin", Shop: 9, ID: id.New[id.ShopPayment](noon), Minor: 1, PaidOn: "2026-06-10", Way: "cash"}); fault.Code(err) != shop.CodeNotFound {
		t.Errorf("of a shop that is not there: %v", err)
	}
	o.agrees(40)

	reverse := func(number int, which id.ShopPayment, why string) (commit.ShopPayment, error) {
		return o.s.Reverse(t.Context(), &shop.Reverse{In: "berlin", Shop: number, ID: which, By: parking.Author{Name: "acc_2", Why: why}})
	}
	if _, err := reverse(2, one.ID, "of the other shop"); fault.Code(err) != shop.CodePaymentNotFound {
		t.Errorf("of another shop: %v", err)
	}
	if _, err := reverse(1, one.ID, ""); fault.Code(err) != shop.CodePaymentInvalid {
		t.Errorf("without a reason: %v", err)
	}
	for range 8 {
		all.Go(func() {
			if got, err := reverse(1, one.ID, "typed twice"); err != nil || got.Why != "typed twice" || got.ReversedBy != "acc_2" {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	all.Wait()
	o.agrees(240)
	if got, err := o.pay(one); err != nil || got.ReversedAt.IsZero() { // sent once more, it is what it is
		t.Errorf("%+v, %v", got, err)
	}
	o.agrees(240)
	if n := count(t, o.owner, `select count(*)::int from ledger_entry where kind = 'shop_paid'`); n != 4 {
		t.Errorf("%d postings, want two of the payment and two of its reversal", n)
	}
	for _, sql := range []string{`delete from shop_payment`, `truncate shop_payment`, `update shop_payment set amount = 1`, `update shop_payment set reversed_at = null, reversed_by = null, why = null`} {
		if _, err := o.owner.Exec(t.Context(), sql); err == nil {
			t.Errorf("%s: done", sql)
		}
	}
	// Nor does the API's role tell of a payment that is not booked.
	for _, sql := range []string{
		`select record_event('berlin', 'shop.paid', '{"shop_payment":{"id":"shp_x","shop":1,"paid_on":"2027-01-01","amount":{"minor":5,"currency":"EUR"},"way":"cash","at":"2027-01-01T00:00:00Z"}}')`,
		`select record_event('berlin', 'shop.payment_reversed', '{"shop_payment":{"id":"shp_x","at":"2027-01-01T00:00:00Z"}}')`,
	} {
		if _, err := o.db.Pool().Exec(t.Context(), sql); code(err) != "PX008" {
			t.Errorf("%s: %v", sql, err)
		}
	}
	list, err := o.s.List(t.Context(), "berlin")
	if err != nil || list[0].Owed.Minor != 240 || list[0].Paid.Minor != 0 || list[1].Owed.Minor != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

// A payment of a day that is closed is booked on the day that is open, also by a process
// whose clock is behind: the closing stays what it is, and the statement has the payment on
// its own day.
func TestWhatAShopPaidOnAClosedDayIsBookedOnTheOpenOne(t *testing.T) {
	noon := time.Date(2026, 6, 11, 12, 0, 0, 0, time.UTC)
	o := newOwing(t, noon)
	o.use(noon, 1, 500)
	if _, err := o.books.Close(t.Context(), o.operator, "2026-06-11", noon.AddDate(0, 0, 2)); err != nil {
		t.Fatal(err)
	}
	for _, now := range []time.Time{noon.Add(time.Hour), noon.AddDate(0, 0, 2)} {
		o.at(now)
		if _, err := o.pay(shop.Pay{Minor: 150, PaidOn: "2026-06-11"}); err != nil {
			t.Fatal(err)
		}
	}
	o.agrees(200)
	if n := count(t, o.owner, `select count(*)::int from ledger_entry e join closed_until u on u.parking = e.parking and e.at < u.at where e.kind = 'shop_paid'`); n != 0 {
		t.Errorf("%d postings are on a closed day", n)
	}
	for range 2 {
		if _, err := o.books.Close(t.Context(), o.operator, "", noon.AddDate(0, 0, 5)); err != nil {
			t.Fatal(err)
		}
	}
	o.sound()
	st, err := o.s.Statement(t.Context(), "berlin", 1, shop.Days{From: "2026-06-11", To: "2026-06-11"})
	if err != nil || st.Taken != 500 || st.Paid != 300 || len(st.Payments) != 2 {
		t.Errorf("%+v, %v", st, err)
	}
}

// A statement is of the parking's days: what comes before is its opening balance, each use
// and payment is a line, and what was reversed is one of nothing.
func TestAStatementIsOfTheParkingsDays(t *testing.T) {
	noon := time.Date(2026, 6, 11, 12, 0, 0, 0, time.UTC)
	o := newOwing(t, noon)
	o.use(time.Date(2026, 5, 31, 21, 59, 0, 0, time.UTC), 1, 100) // the last minute of May in Berlin
	o.use(time.Date(2026, 5, 31, 22, 0, 0, 0, time.UTC), 2, 150)
	o.use(noon, 3, 90)
	for _, p := range []shop.Pay{{Minor: 50, PaidOn: "2026-05-31", Way: "cash"}, {Minor: 120, PaidOn: "2026-06-02", Note: "=2+3"}, {Minor: 7, PaidOn: "2026-06-03", Way: "other"}} {
		got, err := o.pay(p)
		if err != nil {
			t.Fatal(err)
		}
		if p.Minor == 7 {
			if _, err := o.s.Reverse(t.Context(), &shop.Reverse{In: "berlin", Shop: 1, ID: got.ID, By: parking.Author{Name: "acc_1", Why: "@home"}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	o.agrees(170)
	june := shop.Days{From: "2026-06-01", To: "2026-06-30"}
	st, lines, err := o.s.Lines(t.Context(), "berlin", 1, june)
	if err != nil || st.Opening != 50 || st.Uses != 2 || st.Taken != 240 || st.Paid != 120 || st.Balance() != 170 || len(st.Payments) != 2 || len(lines) != 4 {
		t.Fatalf("%+v %+v, %v", st, lines, err)
	}
	var out bytes.Buffer
	if err := shop.WriteCSV(&out, &st, lines); err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(out.String()), "\r\n")
	want := []string{
		"day,at,what,code,currency,minor,owed_minor,owed,way,note,reversed",
		",,opening,,EUR,0,50,0.50,,,",
		"2026-06-01,2026-05-31T22:00:00Z,code,2,EUR,150,200,2.00,,,",
		"2026-06-02,2026-06-11T12:00:00Z,payment,,EUR,-120,80,0.80,transfer,'=2+3,",
		"2026-06-03,2026-06-11T12:00:00Z,reversed payment,,EUR,0,80,0.80,other,,'@home",
		"2026-06-11,2026-06-11T12:00:00Z,code,3,EUR,90,170,1.70,,,",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the file is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if st, err := o.s.Statement(t.Context(), "berlin", 1, shop.Days{To: books.Day("2026-05-31")}); err != nil || st.Opening != 0 || st.Balance() != 50 {
		t.Errorf("%+v, %v", st, err)
	}
	if _, err := o.s.Statement(t.Context(), "york", 1, shop.Days{}); fault.Code(err) != shop.CodeNotFound {
		t.Errorf("of another parking: %v", err)
	}
}
