package postgres_test

import (
	"context"
	"encoding/hex"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/relay"
	"github.com/openlot/openlot/protocol/id"
)

// kept notes the jobs that it is given.
type kept struct {
	mu   sync.Mutex
	jobs []relay.Job
}

func (k *kept) InsertTx(_ context.Context, _ pgx.Tx, jobs []relay.Job) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.jobs = append(k.jobs, jobs...)
	return nil
}

// Each change of a way in asks for one mail that says so, in the account's language; what
// was refused asks for none, and no link of such a mail opens anything.
func TestAChangeOfAWayInIsTold(t *testing.T) {
	p, dsn := newPeople(t)
	queue := &kept{}
	p.Accounts = postgres.NewAccounts(postgrestest.Open(t, dsn), queue)
	a := p.signedUp("jana@posteo.example", "de", "old")
	l, _ := p.login(a, "old", "here")
	queue.jobs = nil
	key := p.key(a, "phone")
	if len(queue.jobs) != 1 {
		t.Fatalf("a passkey was added: %v", queue.jobs)
	}
	for _, x := range []struct {
		kind account.LinkKind
		do   func() (bool, error)
	}{
		{account.ToldPasskeyRemoved, func() (bool, error) { return p.RemovePasskey(t.Context(), a, key.ID, l) }},
		{account.ToldTOTPAdded, func() (bool, error) {
			if _, err := p.BeginTOTP(t.Context(), a, []byte("secret"), p.now); err != nil {
				return false, err
			}
			return p.ConfirmTOTP(t.Context(), a, l, []byte("secret"), 7, [][]byte{account.HashToken("y")})
		}},
		{account.ToldRecovery, func() (bool, error) { return p.SetRecovery(t.Context(), a, l, [][]byte{account.HashToken("x")}) }},
		{account.ToldTOTPRemoved, func() (bool, error) { return p.RemoveTOTP(t.Context(), a) }},
		{account.ToldPassword, func() (bool, error) { return p.SetPassword(t.Context(), a, "old", "new", l) }},
		{account.ToldPassword, func() (bool, error) {
			token, _ := p.link(account.LinkReset, "jana@posteo.example", "de")
			queue.jobs = nil // that of the link itself
			return p.Reset(t.Context(), token, "newer", p.now)
		}},
		{account.ToldFactorsReset, func() (bool, error) { return true, p.DropSecondFactor(t.Context(), "jana@posteo.example") }},
	} {
		queue.jobs = nil
		ok, err := x.do()
		if p.ok(err); !ok || len(queue.jobs) != 1 || queue.jobs[0].Kind != relay.MailAccount {
			t.Fatalf("%s: %v, %v", x.kind, ok, queue.jobs)
		}
		var which [16]byte
		if _, err := hex.Decode(which[:], []byte(queue.jobs[0].Link)); err != nil {
			t.Fatal(err)
		}
		told, err := p.Link(t.Context(), which)
		if p.ok(err); told == nil || told.Kind != x.kind || told.Email != "jana@posteo.example" || told.Language != "de" {
			t.Errorf("%s: %+v", x.kind, told)
		}
		if email, err := p.LinkEmail(t.Context(), account.LinkReset, account.HashToken(queue.jobs[0].Link), p.now); err != nil || email != "" {
			t.Errorf("%s: the mail's link is good for %q, %v", x.kind, email, err)
		}
	}
	queue.jobs = nil
	for name, do := range map[string]func() (bool, error){
		"a key that is gone":        func() (bool, error) { return p.RemovePasskey(t.Context(), a, key.ID, l) },
		"an authenticator of none":  func() (bool, error) { return p.RemoveTOTP(t.Context(), a) },
		"a password that was wrong": func() (bool, error) { return p.SetPassword(t.Context(), a, "wrong", "other", l) },
		"codes of an ended session": func() (bool, error) { return p.SetRecovery(t.Context(), a, id.Login{}, nil) },
	} {
		if ok, err := do(); err != nil || ok || len(queue.jobs) > 0 {
			t.Errorf("%s: %v, %v, %v", name, ok, err, queue.jobs)
		}
	}
}
