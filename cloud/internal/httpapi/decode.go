package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/problem"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/money"
)

// Fault codes of reading a body, beside those of package problem.
const (
	CodeUnknownField      = "unknown_field"
	CodeTimeWithoutOffset = "time_without_offset"
)

// object says which members a JSON object has and where they go. All members
// of our requests are texts, counts or objects.
type object struct {
	texts    map[string]*string
	counts   map[string]*int64 // whole numbers from 1
	flags    map[string]**bool
	amounts  map[string]**money.Amount
	maybe    map[string]**string // texts of which it matters whether they are there
	lists    map[string]**[]string
	raws     map[string]*json.RawMessage // objects whose members are not ours
	parts    map[string]*json.RawMessage // whatever they are
	objects  map[string]object
	required []string
}

// times are the members that must be instants.
type times map[string]struct {
	text *string
	into *time.Time
}

// readBody reads a JSON body strictly: keys are spelled exactly, none is
// unknown, repeated or null, and nothing follows the object.
func readBody(c *gin.Context, o object, instants times) error {
	raw, err := body(c)
	if err != nil {
		return err
	}
	f := findings{wrong: map[string]string{}, unknown: map[string]string{}}
	f.object("", raw, o)
	for name, t := range instants {
		if _, bad := f.wrong[name]; !bad && *t.text != "" {
			f.instant(name, *t.text, t.into)
		}
	}
	return f.fault()
}

func body(c *gin.Context) ([]byte, error) {
	mediaType, params, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if charset, given := params["charset"]; err != nil || mediaType != "application/json" || given && charset != "utf-8" && charset != "UTF-8" {
		return nil, fault.New(fault.Invalid, problem.CodeUnsupportedMedia, "Send the body as application/json.")
	}
	// A body that trickles in must not hold the connection for ever.
	rc := http.NewResponseController(c.Writer)
	_ = rc.SetReadDeadline(time.Now().Add(bodyTimeout)) // not supported by test recorders
	raw, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, fault.Newf(fault.Invalid, problem.CodeBodyTooLarge, "A body has at most %d bytes.", maxBody)
	case err != nil:
		return nil, fault.Wrap(err, fault.Invalid, problem.CodeMalformedJSON, "The body ended before it was complete.")
	}
	_ = rc.SetReadDeadline(time.Time{})
	if !json.Valid(raw) || !utf8.Valid(raw) {
		return nil, fault.New(fault.Invalid, problem.CodeMalformedJSON, "The body is not JSON.")
	}
	return raw, nil
}

// findings collects what is wrong with a body.
type findings struct {
	wrong, unknown map[string]string
	noOffset       []string
}

func (f *findings) object(path string, raw []byte, o object) {
	prefix := path
	if prefix != "" {
		prefix += "."
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if open, _ := dec.Token(); open != json.Delim('{') {
		f.wrong[orBody(path)] = "must be an object"
		return
	}
	seen := map[string]bool{}
	for dec.More() {
		key, _ := dec.Token() // the whole is valid JSON: this is a text
		name, _ := key.(string)
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			f.wrong[prefix+name] = "cannot be read"
			return
		}
		text, isText := o.texts[name]
		count, isCount := o.counts[name]
		inner, isObject := o.objects[name]
		flag, isFlag := o.flags[name]
		sum, isAmount := o.amounts[name]
		given, isMaybe := o.maybe[name]
		list, isList := o.lists[name]
		inside, isRaw := o.raws[name]
		part, isPart := o.parts[name]
		switch {
		case seen[name]:
			f.wrong[prefix+name] = "is given twice"
		case !isObject && hasNUL(value): // which no database keeps
			f.wrong[prefix+name] = "has the character U+0000"
		case isText:
			if len(value) == 0 || value[0] != '"' || json.Unmarshal(value, text) != nil {
				f.wrong[prefix+name] = "must be a text"
			}
		case isCount:
			if json.Unmarshal(value, count) != nil || *count < 1 {
				f.wrong[prefix+name] = "must be a whole number from 1"
			}
		case isFlag:
			if json.Unmarshal(value, flag) != nil || *flag == nil {
				f.wrong[prefix+name] = "must be true or false"
			}
		case isAmount:
			f.amount(prefix+name, value, sum)
		case isMaybe:
			if json.Unmarshal(value, given) != nil || *given == nil {
				f.wrong[prefix+name] = "must be a text"
			}
		case isList:
			if json.Unmarshal(value, list) != nil || *list == nil {
				f.wrong[prefix+name] = "must be a list of texts"
			}
		case isRaw:
			if *inside = value; len(value) == 0 || value[0] != '{' {
				f.wrong[prefix+name] = "must be an object"
			}
		case isPart:
			*part = value
		case isObject:
			f.object(prefix+name, value, inner)
		default:
			f.unknown[prefix+printable(name)] = "is not known"
		}
		seen[name] = true
	}
	for _, name := range o.required {
		if text, isText := o.texts[name]; !seen[name] || isText && *text == "" && f.wrong[prefix+name] == "" {
			f.wrong[prefix+name] = "is missing"
		}
	}
}

// hasNUL reports whether a text anywhere in valid JSON has the character U+0000.
func hasNUL(raw []byte) bool {
	if !bytes.Contains(raw, []byte(`\u0000`)) { // it is not written in any other way
		return false
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	for {
		t, err := dec.Token()
		if err != nil {
			return false
		}
		if s, is := t.(string); is && strings.ContainsRune(s, 0) {
			return true
		}
	}
}

// amount reads an amount of money; a negative one is none that anybody is asked for.
func (f *findings) amount(path string, raw []byte, into **money.Amount) {
	var minor, currency json.RawMessage
	f.object(path, raw, object{
		parts: map[string]*json.RawMessage{"minor": &minor, "currency": &currency}, required: []string{"minor", "currency"},
	})
	if minor == nil || currency == nil {
		return
	}
	var a money.Amount
	if minor[0] == 'n' || json.Unmarshal(minor, &a.Minor) != nil || a.Minor < 0 {
		f.wrong[path+".minor"] = "must be a whole number from 0, in minor units"
	}
	var text string
	err := json.Unmarshal(currency, &text)
	if err == nil {
		a.Currency, err = money.ParseCurrency(text)
	}
	if err != nil {
		f.wrong[path+".currency"] = "must be a code of three capitals, such as EUR"
	}
	*into = &a
}

func (f *findings) instant(name, text string, into *time.Time) {
	t, err := time.Parse(time.RFC3339, text)
	if err == nil {
		*into = t.UTC()
		return
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if _, bare := time.Parse(layout, text); bare == nil {
			f.noOffset = append(f.noOffset, name)
			return
		}
	}
	f.wrong[name] = "must be an RFC 3339 time with an offset, such as 2026-05-01T08:00:00+02:00"
}

// fault is the first kind of thing that is wrong, with all of that kind.
func (f *findings) fault() error {
	switch {
	case len(f.unknown) > 0:
		return withFields(fault.New(fault.Invalid, CodeUnknownField, "The body has fields that are not known; fields names them."), f.unknown)
	case len(f.wrong) > 0:
		return withFields(fault.New(fault.Invalid, booking.CodeRequestInvalid, "Some of what was sent cannot be used; fields says what."), f.wrong)
	case len(f.noOffset) > 0:
		e := fault.New(fault.Invalid, CodeTimeWithoutOffset, "A time has no offset, so that it does not say when. Write it like 2026-05-01T08:00:00+02:00 or with Z.")
		slices.Sort(f.noOffset)
		for _, name := range f.noOffset {
			e = e.WithField(name, "needs an offset")
		}
		return e
	}
	return nil
}

func withFields(f *fault.Fault, fields map[string]string) *fault.Fault {
	f.Fields = fields
	return f
}

func orBody(path string) string {
	if path == "" {
		return "body"
	}
	return path
}

// printable is a name that somebody else chose, fit to be shown back.
func printable(name string) string {
	const most = 64
	if len(name) > most {
		name = name[:most]
	}
	return string(bytes.ToValidUTF8([]byte(name), []byte("?")))
}
