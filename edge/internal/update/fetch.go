package update

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// spare is left on the disk for the journal, in bytes.
const spare = 64 << 20

// Fetcher gets files from a directory or over HTTPS.
type Fetcher struct{ Client *http.Client }

// NewFetcher fetches over HTTPS, and over HTTP from this machine only. What is
// fetched is signed; HTTPS keeps who listens from learning what runs here.
func NewFetcher() Fetcher {
	return Fetcher{&http.Client{CheckRedirect: func(q *http.Request, via []*http.Request) error {
		if len(via) > 5 {
			return errors.New("too many redirects")
		}
		return secure(q.URL)
	}}}
}

func secure(u *url.URL) error {
	ip, err := netip.ParseAddr(u.Hostname())
	if u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || err == nil && ip.IsLoopback()) {
		return nil
	}
	return fmt.Errorf("%s: updates are fetched over https", u.Redacted())
}

// remote parses an address, or is nil for a path.
func remote(from string) (*url.URL, error) {
	if !strings.Contains(from, "://") {
		return nil, nil //nolint:nilnil // a path
	}
	u, err := url.Parse(from)
	if err != nil {
		return nil, fmt.Errorf("read the address of the update: %w", err)
	}
	return u, secure(u)
}

// manifest gets a manifest.
func (f Fetcher) manifest(ctx context.Context, from string) (b []byte, err error) {
	u, err := remote(from)
	if err != nil {
		return nil, err
	}
	var body io.ReadCloser
	if u == nil {
		body, err = os.Open(from) //nolint:gosec // the operator names the file
	} else {
		body, _, err = f.get(ctx, u, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("fetch the update's manifest: %w", err)
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	if b, err = io.ReadAll(io.LimitReader(body, MaxManifest+1)); err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrIncomplete, err)
	}
	if len(b) > MaxManifest {
		return nil, fmt.Errorf("%w: a manifest has at most %d bytes", ErrMalformed, MaxManifest)
	}
	return b, nil
}

// program gets the program that lies beside a manifest into a file. What an
// earlier try has left there is gone on from. Never more is written than the
// manifest says.
func (f Fetcher) program(ctx context.Context, from string, m Manifest, into string) (err error) {
	u, err := remote(from)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(into, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("keep the update: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	have, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("keep the update: %w", err)
	}
	if have == m.Size {
		return nil
	}
	if have > m.Size {
		have = 0
	}
	if err := room(filepath.Dir(into), m.Size-have+spare); err != nil {
		return err
	}
	var body io.ReadCloser
	if u == nil {
		body, err = openAt(filepath.Join(filepath.Dir(from), m.File), have)
	} else {
		body, have, err = f.get(ctx, u.ResolveReference(&url.URL{Path: m.File}), have)
	}
	if err != nil {
		return fmt.Errorf("fetch the update: %w", err)
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	if err := out.Truncate(have); err != nil {
		return fmt.Errorf("keep the update: %w", err)
	}
	if _, err := out.Seek(have, io.SeekStart); err != nil {
		return fmt.Errorf("keep the update: %w", err)
	}
	n, err := io.Copy(out, io.LimitReader(body, m.Size-have))
	if errors.Is(err, syscall.ENOSPC) {
		return errors.Join(fmt.Errorf("%w (%w)", ErrNoSpace, err), out.Truncate(0))
	}
	if err == nil {
		err = out.Sync()
	}
	if err != nil || have+n < m.Size {
		return fmt.Errorf("%w: %d of %d bytes (%w)", ErrIncomplete, have+n, m.Size, errors.Join(err, io.ErrUnexpectedEOF))
	}
	return nil
}

func openAt(path string, at int64) (io.ReadCloser, error) {
	f, err := os.Open(path) //nolint:gosec // beside that file, under a name without a slash
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(at, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// get asks for a file from an offset on; at is where the answer begins, which is
// 0 when the server does not do parts.
func (f Fetcher) get(ctx context.Context, u *url.URL, offset int64) (body io.ReadCloser, at int64, err error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil) //nolint:gosec // the operator names the address
	if err != nil {
		return nil, 0, err
	}
	if offset > 0 {
		q.Header.Set("Range", "bytes="+strconv.FormatInt(offset, 10)+"-")
	}
	r, err := f.Client.Do(q) //nolint:gosec // the same
	if err != nil {
		return nil, 0, err
	}
	switch {
	case r.StatusCode == http.StatusOK:
		return r.Body, 0, nil
	case offset > 0 && r.StatusCode == http.StatusPartialContent && strings.HasPrefix(r.Header.Get("Content-Range"), "bytes "+strconv.FormatInt(offset, 10)+"-"):
		return r.Body, offset, nil
	default:
		return nil, 0, errors.Join(fmt.Errorf("%s answers %s", u.Redacted(), r.Status), r.Body.Close())
	}
}

// room checks that a disk has that many bytes free.
func room(dir string, need int64) error {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return fmt.Errorf("ask for the room on the disk: %w", err)
	}
	if free := int64(s.Bavail) * int64(s.Bsize); free < need { //nolint:unconvert // not 64 bits wide everywhere
		return fmt.Errorf("%w (%d MB needed, %d MB free)", ErrNoSpace, need>>20, free>>20)
	}
	return nil
}
