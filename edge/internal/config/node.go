package config

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds the file, in bytes, and maxItems each list in it.
const (
	maxFile  = 256 << 10
	maxItems = 64
)

// reader takes a document apart and notes what is wrong with it.
type reader struct {
	places
	problems Problems
	asked    map[string]bool // keys that have a meaning, lists without their numbers
	readFile func(string) ([]byte, error)
}

// node is a part of the document. A nil one is not there: it yields zero values.
type node struct {
	r   *reader
	key string
	n   *yaml.Node
}

var yamlLine = regexp.MustCompile(`line (\d+): `)

// parse reads one document.
func (r *reader) parse(text []byte) (root *node) {
	none := &node{r: r}
	if len(text) > maxFile {
		r.problems = append(r.problems, Problem{File: r.file, Severity: Error, Code: CodeSyntax, Text: fmt.Sprintf("the file has more than %d KiB.", maxFile>>10)})
		return none
	}
	// The library panics at some input that is no YAML.
	defer func() {
		if v := recover(); v != nil {
			r.syntax(fmt.Errorf("%v", v))
			root = none
		}
	}()
	dec := yaml.NewDecoder(strings.NewReader(string(text)))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return none
	} else if err != nil {
		r.syntax(err)
		return none
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		r.problems = append(r.problems, Problem{File: r.file, Line: more.Line, Severity: Error, Code: CodeSyntax, Text: "the file has more than one document."})
	}
	if len(doc.Content) == 0 || null(doc.Content[0]) {
		return none
	}
	return &node{r: r, n: doc.Content[0]}
}

func (r *reader) syntax(err error) {
	text, line := strings.TrimPrefix(err.Error(), "yaml: "), 0
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = strings.Replace(text, m[0], "", 1)
	}
	r.problems = append(r.problems, Problem{File: r.file, Line: line, Severity: Error, Code: CodeSyntax, Text: "this is not YAML: " + text + "."})
}

func null(n *yaml.Node) bool { return n == nil || n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func (r *reader) note(key string, severity Severity, code Code, fix, format string, args ...any) {
	r.problems = append(r.problems, r.problem(key, severity, code, fmt.Sprintf(format, args...), fix))
}

// bad notes that a node's value is wrong.
func (n *node) bad(code Code, fix, format string, args ...any) {
	n.r.note(n.key, Error, code, fix, format, args...)
}

// there says that the key was given.
func (n *node) there() bool { return n.n != nil }

var listNumber = regexp.MustCompile(`\[\d+\]|\.gates\.\d+`)

// general is a key without numbers of lists.
func general(key string) string {
	return listNumber.ReplaceAllStringFunc(key, func(s string) string {
		if strings.HasPrefix(s, ".") {
			return ".gates[]"
		}
		return "[]"
	})
}

func parent(key string) string {
	if i := strings.LastIndexAny(key, ".["); i >= 0 {
		return key[:i]
	}
	return ""
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

// object is a node's keys while they are asked for; done refuses the others.
type object struct {
	*node
	values map[string]*yaml.Node
	known  []string
}

func (n *node) resolved() *yaml.Node {
	if n.n != nil && n.n.Kind == yaml.AliasNode {
		return n.n.Alias
	}
	return n.n
}

// object opens a mapping. Hyphens in keys count as underscores, so that settings
// may be written as their flags are.
func (n *node) object() *object {
	o := &object{node: n, values: map[string]*yaml.Node{}}
	v := n.resolved()
	if v == nil {
		return o
	}
	if v.Kind != yaml.MappingNode {
		n.bad(CodeType, "Write its keys below it, indented.", "this is not a section with keys.")
		return o
	}
	for i := 0; i+1 < len(v.Content); i += 2 {
		name := strings.ReplaceAll(v.Content[i].Value, "-", "_")
		key := join(n.key, name)
		n.r.lines[key] = v.Content[i].Line
		if _, twice := o.values[name]; twice {
			n.r.note(key, Error, CodeTwice, "Keep one of them.", "this key is there twice.")
			continue
		}
		o.values[name] = v.Content[i+1]
	}
	return o
}

// get is the value of a key, whose meaning is known from now on.
func (o *object) get(name string) *node {
	key := join(o.key, name)
	o.known = append(o.known, name)
	o.r.asked[general(key)] = true
	v := o.values[name]
	if null(v) {
		v = nil
	}
	return &node{r: o.r, key: key, n: v}
}

// need is get for a key that must be there.
func (o *object) need(name, fix string) *node {
	n := o.get(name)
	if !n.there() && o.n != nil {
		o.r.note(n.key, Error, CodeMissing, fix, "this key is missing.")
	}
	return n
}

// done refuses keys that nobody asked for.
func (o *object) done() {
	for _, name := range slices.Sorted(maps.Keys(o.values)) {
		if slices.Contains(o.known, name) {
			continue
		}
		fix := "The keys here are " + strings.Join(o.known, ", ") + "."
		if len(o.known) > 12 {
			fix = ""
		}
		if near := nearest(name, o.known); near != "" {
			fix = fmt.Sprintf("Perhaps %q is meant.", near)
		}
		o.r.note(join(o.key, name), Error, CodeUnknownKey, fix, "nothing is called %q here.", name)
	}
}

// nearest is the known name with the fewest edits, if they are few.
func nearest(name string, known []string) string {
	best, least := "", len(name)/3+1
	for _, k := range known {
		if d := distance(name, k); d <= least {
			best, least = k, d-1
		}
	}
	return best
}

func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			next := diagonal
			if a[i] != b[j] {
				next = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}

// items are the parts of a list.
func (n *node) items() []*node {
	v := n.resolved()
	if v == nil {
		return nil
	}
	if v.Kind != yaml.SequenceNode {
		n.bad(CodeType, "Begin each item with a hyphen.", "this is not a list.")
		return nil
	}
	if len(v.Content) > maxItems {
		n.bad(CodeValue, "", "the list has %d items; at most %d are taken.", len(v.Content), maxItems)
		return nil
	}
	var out []*node
	for i, c := range v.Content {
		key := fmt.Sprintf("%s[%d]", n.key, i)
		n.r.lines[key] = c.Line
		out = append(out, &node{r: n.r, key: key, n: c})
	}
	return out
}

// text is a scalar, or empty.
func (n *node) text() string {
	v := n.resolved()
	if v == nil {
		return ""
	}
	if v.Kind != yaml.ScalarNode {
		n.bad(CodeType, "Write one value.", "this is not one value.")
		return ""
	}
	return v.Value
}

func (n *node) texts() (out []string) {
	for _, i := range n.items() {
		out = append(out, i.text())
	}
	return out
}

// number is a whole number from least to most, or unset.
func (n *node) number(least, most, unset int) int {
	text := n.text()
	if !n.there() || text == "" {
		return unset
	}
	v, err := strconv.Atoi(text)
	if err != nil || v < least || v > most {
		n.bad(CodeValue, fmt.Sprintf("Write a whole number from %d to %d.", least, most), "%q cannot be.", text)
		return unset
	}
	return v
}

func (n *node) fraction() float64 {
	text := n.text()
	if text == "" {
		return 0
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0 && v <= 1) { // not a number is neither
		n.bad(CodeValue, "Write a number from 0 to 1, such as 0.8.", "%q cannot be.", text)
		return 0
	}
	return v
}

func (n *node) truth() bool {
	switch text := n.text(); text {
	case "true":
		return true
	case "false", "":
		return false
	default:
		n.bad(CodeValue, "Write true or false.", "%q is neither true nor false.", text)
		return false
	}
}

// duration is a time from least to most, or unset.
func (n *node) duration(least, most, unset time.Duration) time.Duration {
	text := n.text()
	if text == "" {
		return unset
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < least || d > most {
		n.bad(CodeValue, fmt.Sprintf("Write a time from %v to %v, such as 500ms.", least, most), "%q cannot be.", text)
		return unset
	}
	return d
}

// choice is one of some words, or the first.
func (n *node) choice(words ...string) string {
	text := n.text()
	switch {
	case text == "":
		return words[0]
	case !slices.Contains(words, text):
		n.bad(CodeValue, "It is one of "+strings.Join(words, ", ")+".", "%q is not known.", text)
		return words[0]
	default:
		return text
	}
}
