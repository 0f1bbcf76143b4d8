package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/receipt"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/tariff"
)

type receiptCmd struct {
	Verify verifyCmd `cmd:"" help:"Recompute a receipt and say all that is wrong with it. Needs no database, and no network when --keys is a file."`
}

type verifyCmd struct {
	File   string   `arg:"" help:"The receipt's JSON document, as it was issued." type:"path"`
	Keys   string   `required:"" help:"The public keys: a file, or the address of a server's GET /keys." placeholder:"FILE|URL"`
	Tariff []string `help:"A published edition of the tariff, such as GET /parkings/{id}/tariffs/{version} gives; may be repeated. Without any, the documents in the receipt are believed." type:"path" placeholder:"FILE"`
}

// Run implements kong's command.
func (c *verifyCmd) Run(ctx context.Context, out io.Writer) error {
	document, err := readFile(c.File, receipt.MaxDocument)
	if err != nil {
		return err
	}
	var against receipt.Published
	if against.Keys, err = readKeys(ctx, c.Keys); err != nil {
		return err
	}
	for _, name := range c.Tariff {
		raw, err := readTariff(name)
		if err != nil {
			return err
		}
		t, err := tariff.Parse(raw)
		if err != nil {
			return err
		}
		against.Tariffs = append(against.Tariffs, t)
	}
	r, wrong := receipt.Verify(document, against)
	var text strings.Builder
	for _, f := range wrong {
		fmt.Fprintf(&text, "%s: %s %s\n", c.File, f.Where, f.Says)
	}
	if len(wrong) == 0 {
		fmt.Fprintf(&text, "%s: receipt %s is sound: %s, of it %s tax, recomputed from %d %s of the tariff and %d journal %s\n",
			c.File, r.Number, r.Bill.Due, r.Bill.Tax, len(r.Tariffs), plural(len(r.Tariffs), "edition"), len(r.Observations), plural(len(r.Observations), "event"))
		if len(against.Tariffs) == 0 && len(r.Tariffs) > 0 {
			fmt.Fprintf(&text, "%s: the tariff is as the receipt has it; --tariff compares it with the published one\n", c.File)
		}
	}
	if err := write(out, &text); err != nil {
		return err
	}
	if len(wrong) > 0 {
		return fault.Newf(fault.Invalid, "receipt_unsound", "The receipt has %d %s.", len(wrong), plural(len(wrong), "problem"))
	}
	return nil
}

// readFile reads at most one byte more than limit, so that what is too long is
// said to be.
func readFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "file_unreadable", "The file cannot be read.")
	}
	defer func() { _ = f.Close() }() // only read
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "file_unreadable", "The file cannot be read.")
	}
	return b, nil
}

// keyFetch bounds how long keys are waited for, and maxKeys their bytes.
const (
	keyFetch = 10 * time.Second
	maxKeys  = 1 << 20
)

// readKeys reads a JSON Web Key Set. Keys of other kinds are passed over.
func readKeys(ctx context.Context, from string) ([]pass.PublicKey, error) {
	wrong := func(err error, says string) error {
		return fault.Wrap(err, fault.Invalid, "keys_unreadable", "The keys cannot be read.").WithField("--keys", says)
	}
	unreadable := func(err error) error { return wrong(err, "is no JSON Web Key Set of Ed25519 keys") }
	var raw []byte
	var err error
	if strings.HasPrefix(from, "http://") || strings.HasPrefix(from, "https://") {
		raw, err = fetch(ctx, from)
	} else {
		raw, err = readFile(from, maxKeys)
	}
	if err != nil {
		return nil, wrong(err, "cannot be fetched")
	}
	var set struct {
		Keys []struct {
			Kty string `json:"kty"`
			Crv string `json:"crv"`
			X   string `json:"x"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, unreadable(err)
	}
	var keys []pass.PublicKey
	for _, k := range set.Keys {
		if k.Kty != "OKP" || k.Crv != "Ed25519" {
			continue
		}
		public, err := base64.RawURLEncoding.DecodeString(k.X)
		if err != nil || len(public) != 32 {
			return nil, unreadable(errors.New("a key is not 32 bytes of base64url"))
		}
		keys = append(keys, pass.PublicKey{ID: pass.KeyID(public), Public: public})
	}
	if len(keys) == 0 {
		return nil, unreadable(errors.New("there is none"))
	}
	return keys, nil
}

func fetch(ctx context.Context, url string) ([]byte, error) {
	ctx, done := context.WithTimeout(ctx, keyFetch)
	defer done()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }() // only read
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answered %s", res.Status)
	}
	return io.ReadAll(io.LimitReader(res.Body, maxKeys))
}
