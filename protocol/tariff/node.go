package tariff

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"
)

// node is a JSON value that remembers its line, so that an owner is told where
// a document is wrong. encoding/json would also let the last of two equal keys
// win and take "Rate" for "rate".
type node struct {
	line  int
	value any // json.Number, string, bool, nil, []*node or members
}

type member struct {
	key  string
	line int
	node *node
}

type members []member

// maxDepth bounds how deep a document may nest; a tariff needs four levels.
const maxDepth = 8

// readNode reads a whole document, which must be one JSON value.
func readNode(document []byte) (*node, error) {
	d := &nodeReader{dec: json.NewDecoder(bytes.NewReader(document)), document: document}
	d.dec.UseNumber()
	n, err := d.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := d.dec.Token(); err != io.EOF {
		return nil, errors.New("something follows the document")
	}
	return n, nil
}

type nodeReader struct {
	dec      *json.Decoder
	document []byte
	at, line int // how many line ends were counted up to which byte
}

// here is the line of the token that was read last.
func (d *nodeReader) here() int {
	offset := min(int(d.dec.InputOffset()), len(d.document))
	d.line += bytes.Count(d.document[d.at:offset], []byte{'\n'})
	d.at = offset
	return d.line + 1
}

// lineError is what is wrong with a document as JSON, and where.
type lineError struct {
	line  int
	cause error
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.cause) }
func (e *lineError) Unwrap() error { return e.cause }

func (d *nodeReader) wrong(err error) error { return &lineError{d.here(), err} }

func (d *nodeReader) value(depth int) (*node, error) {
	token, err := d.dec.Token()
	if err != nil {
		return nil, d.wrong(err)
	}
	n := &node{line: d.here()}
	if depth > maxDepth {
		return nil, d.wrong(fmt.Errorf("the document nests deeper than %d", maxDepth))
	}
	switch token {
	case json.Delim('{'):
		err = d.object(n, depth)
	case json.Delim('['):
		err = d.list(n, depth)
	default:
		n.value = token
	}
	return n, err
}

func (d *nodeReader) object(n *node, depth int) error {
	var all members
	for d.dec.More() {
		key, err := d.dec.Token()
		if err != nil {
			return d.wrong(err)
		}
		name, ok := key.(string)
		if !ok {
			return d.wrong(fmt.Errorf("the key %v is no text", key))
		}
		line := d.here()
		v, err := d.value(depth + 1)
		if err != nil {
			return err
		}
		all = append(all, member{name, line, v})
	}
	n.value = all
	return d.skip()
}

func (d *nodeReader) list(n *node, depth int) error {
	items := []*node{}
	for d.dec.More() {
		v, err := d.value(depth + 1)
		if err != nil {
			return err
		}
		items = append(items, v)
	}
	n.value = items
	return d.skip()
}

// skip reads the end of an object or list.
func (d *nodeReader) skip() error {
	if _, err := d.dec.Token(); err != nil {
		return d.wrong(err)
	}
	return nil
}

// reader takes an object apart, field by field, and notes what is wrong, and
// the line of every field. What nobody asked for is unknown.
type reader struct {
	path   string
	object members
	taken  map[string]bool
	wrong  problems
	lines  map[string]int
}

func newReader(path string, n *node, wrong problems, lines map[string]int) *reader {
	r := &reader{path: path, taken: map[string]bool{}, wrong: wrong, lines: lines}
	object, ok := n.value.(members)
	if !ok {
		wrong.unless(false, path, "must be an object")
		return r
	}
	r.object = object
	if path == "" {
		lines[path] = n.line
	}
	prefix := r.prefix()
	seen := map[string]bool{}
	for _, m := range object {
		lines[prefix+m.key] = m.line
		if seen[m.key] {
			wrong.unless(false, prefix+m.key, "is given twice")
		}
		seen[m.key] = true
	}
	return r
}

func (r *reader) prefix() string {
	if r.path == "" {
		return ""
	}
	return r.path + "."
}

// field finds a field that is there and not null.
func (r *reader) field(name string, required bool) (*node, string) {
	path := r.prefix() + name
	r.taken[name] = true
	i := slices.IndexFunc(r.object, func(m member) bool { return m.key == name })
	if i < 0 {
		if required {
			r.wrong.unless(false, path, "is missing")
			if line, ok := r.lines[r.path]; ok {
				r.lines[path] = line
			}
		}
		return nil, path
	}
	n := r.object[i].node
	if n.value == nil {
		r.wrong.unless(false, path, "must not be null")
		return nil, path
	}
	return n, path
}

// has says whether a field is there.
func (r *reader) has(name string) bool {
	return slices.ContainsFunc(r.object, func(m member) bool { return m.key == name })
}

// end notes what nobody asked for.
func (r *reader) end() {
	for _, m := range r.object {
		if !r.taken[m.key] {
			r.wrong.unless(false, r.prefix()+m.key, "is not a field of "+r.what())
		}
	}
}

func (r *reader) what() string {
	if r.path == "" {
		return "a tariff"
	}
	return r.path
}

const (
	required = true
	optional = false
)

func integer[T ~int | ~int64 | ~uint32](r *reader, name string, to *T, must bool) {
	n, path := r.field(name, must)
	if n == nil {
		return
	}
	r.number(n, path, func(v int64) bool { *to = T(v); return int64(*to) == v && (v >= 0 || *to < 0) })
}

// number reads a whole number.
func (r *reader) number(n *node, path string, take func(int64) bool) {
	number, ok := n.value.(json.Number)
	if ok {
		var v int64
		var err error
		if v, err = strconv.ParseInt(string(number), 10, 64); err == nil && v > math.MinInt64 && take(v) {
			return
		}
	}
	r.wrong.unless(false, path, "must be a whole number in range")
}

func text[T ~string](r *reader, name string, to *T, must bool) {
	n, path := r.field(name, must)
	if n == nil {
		return
	}
	s, ok := n.value.(string)
	r.wrong.unless(ok, path, "must be a text")
	*to = T(s)
}

// parsed reads a text in a form of its own.
func (r *reader) parsed(name string, to encoding.TextUnmarshaler, must bool) {
	if n, path := r.field(name, must); n != nil {
		r.parse(n, path, to)
	}
}

func (r *reader) parse(n *node, path string, to encoding.TextUnmarshaler) {
	s, ok := n.value.(string)
	if !ok {
		r.wrong.unless(false, path, "must be a text")
		return
	}
	if err := to.UnmarshalText([]byte(s)); err != nil {
		if _, instant := to.(*time.Time); instant {
			err = errors.New("must be an instant with its offset, such as 2026-05-30T16:00:00+02:00")
		}
		r.wrong.unless(false, path, err.Error())
	}
}

// each reads a list.
func (r *reader) each(name string, limit int, item func(i int, n *node, path string)) {
	n, path := r.field(name, optional)
	if n == nil {
		return
	}
	items, ok := n.value.([]*node)
	if !ok {
		r.wrong.unless(false, path, "must be a list")
		return
	}
	if len(items) > limit {
		r.wrong.unless(false, path, fmt.Sprintf("are at most %d", limit))
		return
	}
	for i, n := range items {
		at := fmt.Sprintf("%s[%d]", path, i)
		r.lines[at] = n.line
		item(i, n, at)
	}
}
