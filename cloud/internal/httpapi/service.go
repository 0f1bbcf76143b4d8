package httpapi

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/api"
)

// checkTimeout bounds one check of readiness.
const checkTimeout = 2 * time.Second

func (s *server) healthz(c *gin.Context) {
	answer(c, http.StatusOK, api.Health{Status: api.HealthStatusOk})
}

// readyz runs the checks one after the other. Why one fails is in the log, not
// in the answer.
func (s *server) readyz(c *gin.Context) {
	if s.stopping() {
		answer(c, http.StatusServiceUnavailable, api.Health{Status: api.HealthStatusDraining})
		return
	}
	checks := map[string]api.HealthChecks{}
	h := api.Health{Status: api.HealthStatusOk, Checks: &checks}
	status := http.StatusOK
	for _, check := range s.Checks {
		ctx, done := context.WithTimeout(c.Request.Context(), checkTimeout)
		err := check.Run(ctx)
		done()
		checks[check.Name] = api.HealthChecksOk
		if err != nil {
			checks[check.Name] = api.HealthChecksFailing
			h.Status, status = api.HealthStatusUnavailable, http.StatusServiceUnavailable
			_ = c.Error(fmt.Errorf("not ready: %s: %w", check.Name, err))
		}
	}
	answer(c, status, h)
}

// document serves what does not change while the process runs.
func (s *server) document(mediaType string, body []byte) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Header("Cache-Control", "no-cache")
		c.Header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
		c.Data(http.StatusOK, mediaType, body)
	}
}

//go:embed docs.html
var docsPage string

// operation is one call on the documentation page.
type operation struct {
	Method, Path, Summary, Description string
	Parameters                         []parameter
	Answers                            []string
}

type parameter struct{ Name, In, Description string }

// describe makes openapi.json and its page.
func describe() (spec, page []byte, err error) {
	doc, err := api.Load()
	if err != nil {
		return nil, nil, err
	}
	if spec, err = json.Marshal(doc); err != nil {
		return nil, nil, fmt.Errorf("write openapi.json: %w", err)
	}
	var ops []operation
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			o := operation{Method: method, Path: path, Summary: op.Summary, Description: op.Description}
			for _, p := range append(slices.Clone(item.Parameters), op.Parameters...) {
				o.Parameters = append(o.Parameters, parameter{p.Value.Name, p.Value.In, p.Value.Description})
			}
			for status := range op.Responses.Map() {
				o.Answers = append(o.Answers, status)
			}
			slices.Sort(o.Answers)
			ops = append(ops, o)
		}
	}
	slices.SortFunc(ops, func(a, b operation) int {
		return strings.Compare(a.Path+a.Method, b.Path+b.Method)
	})
	t, err := template.New("docs").Parse(docsPage)
	if err != nil {
		return nil, nil, fmt.Errorf("read docs.html: %w", err)
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]any{
		"Title": doc.Info.Title, "About": doc.Info.Description, "Operations": ops,
		"Codes": doc.Components.Schemas["ProblemCode"].Value.Enum,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("write the documentation: %w", err)
	}
	return spec, b.Bytes(), nil
}
