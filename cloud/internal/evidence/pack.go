package evidence

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/pass"
)

// Format is the shape of the packs that this package makes and reads.
const Format = 1

// Purpose is the external data of a manifest's signature.
const Purpose = "openlot evidence 1"

// Names of the files that hold the pack together.
const (
	ManifestFile  = "manifest.json"
	SignatureFile = "manifest.sig"
)

// Limits of a pack that is read.
const (
	MaxPack  = 64 << 20 // bytes of a zip, and of all of its files
	maxFiles = 200
)

// Manifest lists what is in a pack.
type Manifest struct {
	Format      int            `json:"format"`
	Reservation id.Reservation `json:"reservation"`
	Parking     id.Parking     `json:"parking"`
	MadeAt      time.Time      `json:"made_at"`
	Files       []File         `json:"files"`
	Missing     []Missing      `json:"missing"`
}

// File is one file of a pack.
type File struct {
	Name   string `json:"name"`
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"` // hexadecimal
	Holds  string `json:"holds"`
}

// Missing is a file that the pack should have, and why it has it not.
type Missing struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// Files are a pack's files by their name.
type Files map[string][]byte

// sign adds the manifest of all files, and its signature.
func (f Files) sign(m Manifest, holds map[string]string, key pass.SigningKey) error {
	m.Files = []File{}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		m.Files = append(m.Files, File{name, len(f[name]), digest(f[name]), holds[name]})
	}
	document, err := encode(m)
	if err != nil {
		return err
	}
	signature, err := key.SignDetached(Purpose, document)
	if err != nil {
		return fmt.Errorf("sign a manifest: %w", err)
	}
	f[ManifestFile] = document
	f[SignatureFile] = []byte(base64.RawURLEncoding.EncodeToString(signature) + "\n")
	return nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// encode writes JSON for people, without escapes that only HTML needs.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("write evidence: %w", err)
	}
	return b.Bytes(), nil
}

// Zip is the only zip of the files.
func (f Files) Zip() ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(f)) {
		// Not compressed: other versions of a compressor write other bytes. The time is
		// the first that a zip knows; when it was made is in the manifest.
		to, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)})
		if err == nil {
			_, err = to.Write(f[name])
		}
		if err != nil {
			return nil, fmt.Errorf("pack %s: %w", name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("pack evidence: %w", err)
	}
	return b.Bytes(), nil
}

// ErrSpelling says that a zip is not as Zip writes it: something was added, left
// out or rewritten.
var ErrSpelling = errors.New("it is not packed as it was made: something was added, left out or rewritten")

// Unzip takes a zip apart that Zip has made.
func Unzip(document []byte) (Files, error) {
	if len(document) > MaxPack {
		return nil, fmt.Errorf("it has more than %d bytes", MaxPack)
	}
	r, err := zip.NewReader(bytes.NewReader(document), int64(len(document)))
	if err != nil {
		return nil, fmt.Errorf("it is no zip: %w", err)
	}
	if len(r.File) > maxFiles {
		return nil, fmt.Errorf("it has more than %d files", maxFiles)
	}
	out := Files{}
	for _, entry := range r.File {
		if entry.Method != zip.Store || !plain(entry.Name) || out[entry.Name] != nil {
			return nil, ErrSpelling
		}
		from, err := entry.Open()
		if err != nil {
			return nil, fmt.Errorf("unpack a file: %w", err)
		}
		// A stored file is no longer than the zip that it is in.
		content, err := io.ReadAll(io.LimitReader(from, int64(len(document))))
		if closed := from.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return nil, fmt.Errorf("unpack a file: %w", err)
		}
		out[entry.Name] = append([]byte{}, content...)
	}
	if again, err := out.Zip(); err != nil || !bytes.Equal(again, document) {
		return out, ErrSpelling
	}
	return out, nil
}

// plain is a name that is a file in the folder itself.
func plain(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == "" && !strings.HasPrefix(name, ".")
}
