package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6238 is made of it
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/openlot/openlot/scripts/client"
	"github.com/openlot/openlot/scripts/stack"
)

// owner is who runs the imported parkings, to try the dashboard with. It has a second
// factor as every owner must; its secret is kept beside the data, which no other account's is.
type owner struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	Secret   string `json:"secret"` // of the authenticator, base32
}

const (
	ownerFile    = "demo-owner.json"
	ownerEmail   = "owner@openlot.example"
	demoOperator = "Demo operator" // of imported parkings
	mailWithin   = 30 * time.Second
)

type codeCmd struct {
	Dir string `help:"Folder that make run keeps everything in." default:"./var" type:"path"`
}

// Run prints what the owner's authenticator would show.
func (c *codeCmd) Run(e *env) error {
	o, err := readOwner(c.Dir)
	if err != nil {
		return err
	}
	now := time.Now()
	shown, err := totp(o.Secret, now)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(e.out, "%s\n", shown)
	_, _ = fmt.Fprintf(e.errs, "good for %d s more; sign in as %s with %s\n", 30-now.Unix()%30, o.Email, o.Password)
	return nil
}

func readOwner(dir string) (owner, error) {
	var o owner
	b, err := os.ReadFile(filepath.Join(dir, ownerFile))
	if errors.Is(err, fs.ErrNotExist) {
		return o, fmt.Errorf("there is no owner in %s: make run makes one", dir)
	}
	if err != nil {
		return o, err
	}
	return o, json.Unmarshal(b, &o)
}

// demoOwner returns the owner of the stack's parkings and makes it at the first start, in
// the way in which people become one: by mail, by the operator's word, with an authenticator.
func demoOwner(ctx context.Context, s *stack.Stack, dir string) (owner, error) {
	if o, err := readOwner(dir); err == nil {
		return o, nil
	}
	o := owner{Email: ownerEmail, Password: strings.ToLower(rand.Text()[:16])}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return o, err
	}
	web := &http.Client{Jar: jar, Timeout: mailWithin}
	post := func(path string, body, into any) error { return postJSON(ctx, web, s.URL()+path, body, into) }
	if err := post("/users", map[string]string{"email": o.Email}, nil); err != nil {
		return o, err
	}
	token, err := mailedToken(ctx, &client.Cloud{URL: s.URL(), HTTP: client.NewHTTP()}, o.Email)
	if err != nil {
		return o, err
	}
	if err := post("/users/verify", map[string]string{"token": token, "password": o.Password}, nil); err != nil {
		return o, err
	}
	if err := s.Openlot(ctx, "admin", "user", o.Email, "--role", "owner", "--operator", demoOperator); err != nil {
		return o, err
	}
	if err := post("/login", map[string]string{"email": o.Email, "password": o.Password}, nil); err != nil {
		return o, err
	}
	var begun struct {
		Secret string `json:"secret"`
	}
	if err := post("/me/totp", nil, &begun); err != nil {
		return o, err
	}
	o.Secret = begun.Secret
	first, err := totp(o.Secret, time.Now())
	if err != nil {
		return o, err
	}
	if err := post("/me/totp/confirm", map[string]string{"code": first}, nil); err != nil {
		return o, err
	}
	b, err := json.MarshalIndent(o, "", "  ") //nolint:gosec // for whoever tries it on this machine, in a file of theirs
	if err != nil {
		return o, err
	}
	return o, os.WriteFile(filepath.Join(dir, ownerFile), append(b, '\n'), 0o600)
}

var verifyLink = regexp.MustCompile(`#/verify\?token=([a-z2-7]+)`)

// mailedToken waits for the mail with the link that proves an address.
func mailedToken(ctx context.Context, c *client.Cloud, to string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, mailWithin)
	defer cancel()
	for {
		mails, err := c.Inbox(ctx)
		if err != nil {
			return "", err
		}
		for _, m := range mails {
			if !slices.Contains(m.To, to) {
				continue
			}
			if m, err = c.Letter(ctx, m.ID); err != nil {
				return "", err
			}
			if found := verifyLink.FindStringSubmatch(m.Text); found != nil {
				return found[1], nil
			}
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("no mail to %s: %w", to, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func postJSON(ctx context.Context, web *http.Client, url string, body, into any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if body == nil {
		b = nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := web.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s: %s", req.URL.Path, resp.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// totp is the code of an authenticator (RFC 6238: 30 s, 6 digits, SHA-1) at a time.
func totp(secret string, at time.Time) (string, error) {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		return "", fmt.Errorf("the authenticator's secret: %w", err)
	}
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, uint64(at.Unix()/30)) // a hash takes everything
	sum := mac.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[len(sum)-1]&15:]) & (1<<31 - 1)
	return fmt.Sprintf("%06d", n%1_000_000), nil
}
