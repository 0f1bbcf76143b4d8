package httpapi

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/yuin/goldmark"

	"github.com/openlot/openlot/cloud/api"
)

//go:embed docs.html
var docsPage string

// section is the calls of one tag on the documentation page.
type section struct {
	Name, About string
	Operations  []operation
}

// operation is one call.
type operation struct {
	Method, Path, Summary string
	About                 template.HTML
	Parameters            []field
	Body                  []field
	Answers               []reply
}

// field is a parameter, or a property of a body.
type field struct {
	Name, In, Type, About string
	Required              bool
}

type reply struct{ Status, About string }

// describe makes openapi.json and its page.
func describe() (spec, page []byte, err error) {
	doc, err := api.Load()
	if err != nil {
		return nil, nil, err
	}
	if spec, err = json.Marshal(doc); err != nil {
		return nil, nil, fmt.Errorf("write openapi.json: %w", err)
	}
	about, err := prose(doc.Info.Description)
	if err != nil {
		return nil, nil, err
	}
	sections, err := sections(doc)
	if err != nil {
		return nil, nil, err
	}
	t, err := template.New("docs").Parse(docsPage)
	if err != nil {
		return nil, nil, fmt.Errorf("read docs.html: %w", err)
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]any{
		"Title": doc.Info.Title, "About": about, "Sections": sections,
		"Codes": doc.Components.Schemas["ProblemCode"].Value.Enum,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("write the documentation: %w", err)
	}
	return spec, b.Bytes(), nil
}

// sections sorts the calls under their tags, which are in the order of the
// file; within one by path.
func sections(doc *openapi3.T) ([]section, error) {
	out := make([]section, len(doc.Tags))
	for i, t := range doc.Tags {
		out[i] = section{Name: t.Name, About: t.Description}
	}
	paths := doc.Paths.Map()
	for _, path := range doc.Paths.InMatchingOrder() {
		for method, op := range paths[path].Operations() {
			o, err := describeOperation(method, path, append(slices.Clone(paths[path].Parameters), op.Parameters...), op)
			if err != nil {
				return nil, err
			}
			i := slices.IndexFunc(out, func(s section) bool { return len(op.Tags) > 0 && s.Name == op.Tags[0] })
			if i < 0 {
				return nil, fmt.Errorf("%s %s has no tag that is explained", method, path)
			}
			out[i].Operations = append(out[i].Operations, o)
		}
	}
	for _, s := range out {
		slices.SortFunc(s.Operations, func(a, b operation) int { return strings.Compare(a.Path+a.Method, b.Path+b.Method) })
	}
	return out, nil
}

func describeOperation(method, path string, params openapi3.Parameters, op *openapi3.Operation) (operation, error) {
	o := operation{Method: method, Path: path, Summary: op.Summary}
	var err error
	if o.About, err = prose(op.Description); err != nil {
		return o, err
	}
	for _, p := range params {
		o.Parameters = append(o.Parameters, field{p.Value.Name, p.Value.In, typeOf(p.Value.Schema), p.Value.Description, p.Value.Required})
	}
	if op.RequestBody != nil {
		if m := op.RequestBody.Value.Content.Get("application/json"); m != nil {
			o.Body = properties(m.Schema.Value)
		}
	}
	for status, r := range op.Responses.Map() {
		a := reply{Status: status}
		if r.Value.Description != nil {
			a.About = strings.ReplaceAll(*r.Value.Description, "`", "")
		}
		o.Answers = append(o.Answers, a)
	}
	slices.SortFunc(o.Answers, func(a, b reply) int { return strings.Compare(a.Status, b.Status) })
	return o, nil
}

func properties(s *openapi3.Schema) []field {
	var out []field
	for name, p := range s.Properties {
		out = append(out, field{Name: name, Type: typeOf(p), About: p.Value.Description, Required: slices.Contains(s.Required, name)})
	}
	slices.SortFunc(out, func(a, b field) int {
		if a.Required != b.Required {
			return map[bool]int{true: -1, false: 1}[a.Required]
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out
}

// typeOf says in a few words what a value looks like.
func typeOf(s *openapi3.SchemaRef) string {
	if s == nil || s.Value == nil {
		return ""
	}
	v := s.Value
	if len(v.Enum) > 0 {
		words := make([]string, len(v.Enum))
		for i, e := range v.Enum {
			words[i] = fmt.Sprint(e)
		}
		return strings.Join(words, " | ")
	}
	if v.Format != "" {
		return v.Format
	}
	if v.Type == nil {
		return ""
	}
	return strings.Join(v.Type.Slice(), " or ")
}

// prose renders the file's Markdown. Raw HTML in it is left out.
func prose(text string) (template.HTML, error) {
	var b bytes.Buffer
	if err := goldmark.Convert([]byte(text), &b); err != nil {
		return "", fmt.Errorf("render a description: %w", err)
	}
	return template.HTML(b.String()), nil //nolint:gosec // our own text, rendered without raw HTML
}
