// Package conformance holds the protocol's golden vectors and the suite that
// every implementation runs against them: bytes as they were when a version was
// released, and bytes that must be refused. A vector of a released version is
// never changed or removed.
//
// The files under testdata/v1 are made to be used without Go as well: messages
// are hexadecimal with lines of comment in front ("#", with the content in CBOR
// diagnostic notation), passes are their own text. Vectors in refuse/ must be
// refused, each for the reason in its comment.
package conformance

import (
	"bytes"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/wire"
)

//go:embed testdata/v1
var files embed.FS

// Kind names a message, as its channel does where it has one.
type Kind string

// The kinds of vector.
const (
	Hello   Kind = "hello"
	Event   Kind = "event" // one entry of a journal, as it is inside a batch
	Events  Kind = "events"
	Beat    Kind = "beat"
	Applied Kind = "applied"
	Welcome Kind = "welcome"
	Ack     Kind = "ack"
	Sync    Kind = "sync"
	Resume  Kind = "resume"
	AskTime Kind = "asktime"
	Time    Kind = "time"
	Order   Kind = "order"
	Pass    Kind = "pass" // the text of a pass, signed by TestKey
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{Hello, Event, Events, Beat, Applied, Welcome, Ack, Sync, Resume, AskTime, Time, Order, Pass}
}

// Vector is one input to a decoder.
type Vector struct {
	Kind   Kind
	Name   string // of the file, without its ending
	Bytes  []byte
	Refuse string // why it must be refused; empty when it must be accepted
}

// Vectors reads all vectors. It panics when one is damaged.
func Vectors() []Vector {
	var out []Vector
	err := fs.WalkDir(files, "testdata/v1", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		v, err := parse(name, content)
		out = append(out, v)
		return err
	})
	if err != nil {
		panic("conformance: " + err.Error())
	}
	return out
}

func parse(name string, content []byte) (Vector, error) {
	base, ending := path.Base(name), path.Ext(name)
	kind, _, _ := strings.Cut(base, "-")
	v := Vector{Kind: Kind(kind), Name: strings.TrimSuffix(base, ending)}
	var body strings.Builder
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSuffix(line, "\n")
		comment, isComment := strings.CutPrefix(line, "#")
		reason, isReason := strings.CutPrefix(comment, " refuse: ")
		switch {
		case isComment && isReason:
			v.Refuse = reason
		case !isComment:
			body.WriteString(line)
		}
	}
	if refused := path.Base(path.Dir(name)) == "refuse"; refused != (v.Refuse != "") {
		return v, fmt.Errorf("%s: the folder and the comment disagree on whether it is refused", name)
	}
	if ending == ".txt" {
		v.Bytes = []byte(body.String())
		return v, nil
	}
	b, err := hex.DecodeString(body.String())
	if err != nil {
		return v, fmt.Errorf("%s: %w", name, err)
	}
	v.Bytes = b
	return v, nil
}

// Implementation is what the suite drives. Recode decodes a message or a pass
// and encodes it again, or refuses it; it knows the passes and times that are
// signed by TestKey.
type Implementation interface {
	Recode(kind Kind, b []byte) ([]byte, error)
}

// Run checks an implementation against the vectors of the given kinds, or of
// all when none is given.
func Run(t *testing.T, impl Implementation, kinds ...Kind) {
	t.Helper()
	wanted := map[Kind]bool{}
	for _, k := range kinds {
		wanted[k] = true
	}
	for _, v := range Vectors() {
		if len(kinds) > 0 && !wanted[v.Kind] {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			again, err := impl.Recode(v.Kind, bytes.Clone(v.Bytes))
			switch {
			case v.Refuse != "" && err == nil:
				t.Errorf("accepted, though %s: %x", v.Refuse, v.Bytes)
			case v.Refuse == "" && err != nil:
				t.Errorf("refused: %v", err)
			case v.Refuse == "" && !bytes.Equal(again, v.Bytes):
				t.Errorf("encoded again it is\n%x, not\n%x", again, v.Bytes)
			}
		})
	}
}

// TestKey signs the passes among the vectors: the key with the seed 00 01 … 1f.
// It is public, so no gate may ever know it.
func TestKey() pass.SigningKey {
	seed := make([]byte, 32)
	for i := range seed {
		seed[i] = byte(i)
	}
	k, err := pass.SigningKeyFromSeed(seed)
	if err != nil {
		panic("conformance: " + err.Error())
	}
	return k
}

// Reference is the implementation in packages wire and pass.
type Reference struct{}

// Recode implements Implementation.
func (Reference) Recode(kind Kind, b []byte) ([]byte, error) {
	switch kind {
	case Hello:
		return recode[wire.Hello](b)
	case Event:
		return recode[wire.Event](b)
	case Events:
		m, err := wire.Unmarshal[wire.EventBatch](b)
		if err != nil {
			return nil, err
		}
		_, err = m.Decode()
		if _, marked := m.DecodeMark(); errors.Join(err, marked) != nil {
			return nil, errors.Join(err, marked)
		}
		return wire.Marshal(&m)
	case Beat:
		return recode[wire.Beat](b)
	case Applied:
		return recode[wire.Applied](b)
	case Welcome:
		return recode[wire.Welcome](b)
	case Ack:
		return recode[wire.Ack](b)
	case Sync:
		return recode[wire.Sync](b)
	case Resume:
		return recode[wire.Resume](b)
	case AskTime:
		return recode[wire.AskTime](b)
	case Order:
		return recode[wire.Order](b)
	case Time:
		return recodeTime(b)
	case Pass:
		v, err := pass.NewVerifier([]pass.PublicKey{TestKey().Public()})
		if err != nil {
			return nil, err
		}
		p, err := v.Verify(string(b))
		if err != nil {
			return nil, err
		}
		text, err := pass.Sign(p, TestKey())
		return []byte(text), err
	default:
		return nil, fmt.Errorf("no such kind of vector: %q", kind)
	}
}

// recodeTime also checks the signature.
func recodeTime(b []byte) ([]byte, error) {
	m, err := wire.Unmarshal[wire.Time](b)
	if err != nil {
		return nil, err
	}
	v, err := pass.NewVerifier([]pass.PublicKey{TestKey().Public()})
	if err != nil {
		return nil, err
	}
	if err := v.VerifyDetached(wire.TimePurpose, m.Signed(), m.Signature); err != nil {
		return nil, errors.Join(wire.ErrMalformed, err)
	}
	return wire.Marshal(&m)
}

func recode[M any, P interface {
	*M
	Validate() error
}](b []byte) ([]byte, error) {
	m, err := wire.Unmarshal[M, P](b)
	if err != nil {
		return nil, err
	}
	return wire.Marshal(P(&m))
}
