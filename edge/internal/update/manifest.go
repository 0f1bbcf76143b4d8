package update

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/pass"
)

// purpose keeps a signature of an update from being one of anything else.
const purpose = "openlot edge update 1"

// The largest manifest and program that are taken, in bytes.
const (
	MaxManifest = 16 << 10
	MaxProgram  = 128 << 20
)

// What an update is refused for. A caller branches with errors.Is.
var (
	ErrForged     = fault.New(fault.Invalid, "update_forged", "The update is not signed by a key that this edge trusts. Nothing was changed.")
	ErrMalformed  = fault.New(fault.Invalid, "update_malformed", "This is not an update of the edge agent, or it is damaged. Nothing was changed.")
	ErrForeign    = fault.New(fault.Invalid, "update_foreign", "The update is for another kind of machine. Take the one for this machine.")
	ErrDowngrade  = fault.New(fault.Conflict, "update_downgrade", "The update is older than what runs here, and is not signed as a way back. Nothing was changed.")
	ErrTooOld     = fault.New(fault.Conflict, "update_too_old", "What runs here is too old for this update. Install the versions between first.")
	ErrFormat     = fault.New(fault.Conflict, "update_store_format", "The store could not be read by both versions, so there would be no way back. Install a version between first.")
	ErrSameAsNow  = fault.New(fault.Conflict, "update_installed", "This version runs already.")
	ErrIncomplete = fault.New(fault.Unavailable, "update_incomplete", "The update was not fetched completely. What came is kept; try again.")
	ErrNoSpace    = fault.New(fault.Unavailable, "update_no_space", "The disk has too little room for the update and the journal. Nothing was changed.")
)

// Formats are the formats of the store that a version deals with.
type Formats struct {
	Writes int `json:"writes"`
	Oldest int `json:"oldest"` // that it reads
	Newest int `json:"newest"` // that it reads
}

func (f Formats) reads(format int) bool { return f.Oldest <= format && format <= f.Newest }

// Manifest is what is signed of an update.
type Manifest struct {
	Version   string  `json:"version"` // semantic, with v
	OS        string  `json:"os"`
	Arch      string  `json:"arch"`           // as Go names it
	ARM       int     `json:"arm,omitempty"`  // for arch arm: the least ARM version, 6 or 7
	File      string  `json:"file"`           // the program, beside the manifest
	Size      int64   `json:"size"`           // of the program
	SHA256    string  `json:"sha256"`         // of the program
	From      string  `json:"from,omitempty"` // the least version that may be updated
	Downgrade bool    `json:"downgrade,omitempty"`
	Store     Formats `json:"store"`
}

var (
	versionForm = regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]{1,40})?$`)
	fileForm    = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{0,99}$`)
	hashForm    = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

func (m Manifest) check() error {
	var problems []string
	want := func(ok bool, what string) {
		if !ok {
			problems = append(problems, what)
		}
	}
	want(versionForm.MatchString(m.Version) && semver.IsValid(m.Version), "version")
	want(m.OS != "" && m.Arch != "", "machine")
	want(m.Arch == "arm" && (m.ARM == 6 || m.ARM == 7) || m.Arch != "arm" && m.ARM == 0, "arm")
	want(fileForm.MatchString(m.File), "file")
	want(m.Size > 0 && m.Size <= MaxProgram, "size")
	want(hashForm.MatchString(m.SHA256), "sha256")
	want(m.From == "" || versionForm.MatchString(m.From), "from")
	want(m.Store.Writes > 0 && m.Store.reads(m.Store.Writes), "store")
	if len(problems) > 0 {
		return fmt.Errorf("%w: %s", ErrMalformed, strings.Join(problems, ", "))
	}
	return nil
}

// name is the version's directory: two builds of one version do not share it.
func (m Manifest) name() string { return m.Version + "-" + m.SHA256[:12] }

// Sign writes a manifest with its signature: JSON, and a last line that begins
// with "signature".
func (m Manifest) Sign(key pass.SigningKey) ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode a manifest: %w", err)
	}
	text = append(text, '\n')
	signature, err := key.SignDetached(purpose, text)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(text, "signature %s\n", base64.StdEncoding.EncodeToString(signature)), nil
}

// Keys are whom an edge trusts.
type Keys struct{ verifier *pass.Verifier }

// ParseKeys reads a file of public keys: one a line, as hexadecimal, # begins a
// comment. No key at all is no error: then no update is trusted.
func ParseKeys(text string) (Keys, error) {
	var keys []pass.PublicKey
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		raw, err := hex.DecodeString(line)
		if err != nil || len(raw) != 32 {
			return Keys{}, fmt.Errorf("line %d is no key: want 64 hexadecimal digits", i+1)
		}
		keys = append(keys, pass.PublicKey{ID: pass.KeyID(raw), Public: raw})
	}
	v, err := pass.NewVerifier(keys)
	return Keys{v}, err
}

// Open reads what Sign wrote, if a trusted key signed it.
func (k Keys) Open(signed []byte) (Manifest, error) {
	text, last, found := cutLastLine(signed)
	encoded, is := strings.CutPrefix(last, "signature ")
	signature, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if !found || !is || err != nil || len(signed) > MaxManifest {
		return Manifest{}, fmt.Errorf("%w: no signed manifest", ErrMalformed)
	}
	if k.verifier == nil {
		return Manifest{}, ErrForged
	}
	if err := k.verifier.VerifyDetached(purpose, text, signature); err != nil {
		if errors.Is(err, pass.ErrMalformed) {
			return Manifest{}, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		return Manifest{}, fmt.Errorf("%w (%w)", ErrForged, err)
	}
	// Only what was signed is read at all.
	var m Manifest
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return Manifest{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Manifest{}, fmt.Errorf("%w: more than one object", ErrMalformed)
	}
	return m, m.check()
}

// cutLastLine splits off the last line, which ends with the text.
func cutLastLine(b []byte) (before []byte, last string, ok bool) {
	body, ok := bytes.CutSuffix(b, []byte("\n"))
	if !ok {
		return nil, "", false
	}
	i := bytes.LastIndexByte(body, '\n')
	if i < 0 {
		return nil, "", false
	}
	return b[:i+1], string(body[i+1:]), true
}
