package httpapi_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/books"
	"github.com/openlot/openlot/cloud/internal/httpapi"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/lookup"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// bossy is an owner of one parking, whoever asks.
type bossy struct {
	httpapi.Accounts
	operator id.Operator
}

func (b bossy) Who(context.Context, string) (account.Principal, account.Login, error) {
	p := account.Principal{Account: id.New[id.Account](start), SecondFactor: true}
	p.Memberships = []account.Membership{{Operator: b.operator, Role: account.Owner}}
	return p, account.Login{}, nil
}

func (b bossy) Parkings(context.Context, account.Principal, id.Operator) ([]account.OperatorParkings, error) {
	return []account.OperatorParkings{{Operator: b.operator, Parkings: []id.Parking{altmarkt}}}, nil
}

// breaking are books that cannot be read to their end.
type breaking struct {
	httpapi.Numbers
	rows int
}

func (b breaking) Ledger(context.Context, lookup.Scope) (iter.Seq2[books.Row, error], error) {
	return func(yield func(books.Row, error) bool) {
		for range b.rows {
			if !yield(books.Row{At: start, Parking: altmarkt, Account: ledger.Cash, Amount: money.New(1, "EUR")}, nil) {
				return
			}
		}
		yield(books.Row{}, errors.New("the database went away"))
	}, nil
}

// A file that breaks off never looks like a whole one: whoever reads it is told, by the
// connection when it has begun and else by the answer.
func TestAFileThatBreaksOffDoesNotLookComplete(t *testing.T) {
	for _, rows := range []int{0, 500} {
		s := newSite(t, func(c *httpapi.Config) {
			c.Accounts, c.Numbers = bossy{operator: id.New[id.Operator](time.Now())}, breaking{rows: rows}
		})
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/owner/ledger", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", "text/csv")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		switch {
		case rows == 0 && (res.StatusCode != http.StatusInternalServerError || res.Header.Get("Content-Disposition") != ""):
			t.Errorf("%d %v %s", res.StatusCode, res.Header, text)
		case rows > 0 && (res.StatusCode != http.StatusOK || !errors.Is(err, io.ErrUnexpectedEOF)):
			t.Errorf("%d, %d bytes, %v", res.StatusCode, len(text), err)
		}
		if !strings.Contains(s.logs.String(), "the database went away") {
			t.Errorf("nobody was told: %s", s.logs)
		}
	}
}
