package listing

import (
	"errors"
	"net/url"
	"strings"
)

// params are a query's parameters in their order, read as url.ParseQuery reads them. That
// makes a map of lists for each question, which is more work than to answer what is asked
// of it.
type params []param

type param struct{ name, value string }

// parseParams appends a query's parameters.
func parseParams(into params, raw string) (params, error) {
	for raw != "" {
		var part string
		part, raw, _ = strings.Cut(raw, "&")
		if part == "" {
			continue
		}
		if strings.Contains(part, ";") {
			return nil, errSemicolon
		}
		var p param
		p.name, p.value, _ = strings.Cut(part, "=")
		var err error
		if p.name, err = url.QueryUnescape(p.name); err != nil {
			return nil, err
		}
		if p.value, err = url.QueryUnescape(p.value); err != nil {
			return nil, err
		}
		into = append(into, p)
	}
	return into, nil
}

// one returns a parameter that may be given once.
func (p params) one(name string) (value string, err error) {
	found := false
	for i := range p {
		if p[i].name != name {
			continue
		}
		if found {
			return "", invalid(name, "is given more than once")
		}
		found, value = true, p[i].value
	}
	return value, nil
}

var errSemicolon = errors.New("a semicolon separates nothing")
