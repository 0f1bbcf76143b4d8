// Package api is the contract of the public HTTP API: openapi.yaml, and the Go
// types that are generated from it.
package api

import (
	_ "embed"
	"fmt"

	"github.com/getkin/kin-openapi/openapi3"
)

//go:generate env GOWORK=off go tool -modfile=../../scripts/tools/go.mod oapi-codegen -config oapi-codegen.yaml openapi.yaml

//go:embed openapi.yaml
var document []byte

// Document is the contract as it was written.
func Document() []byte { return append([]byte(nil), document...) }

// Load parses the contract.
func Load() (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		return nil, fmt.Errorf("load openapi.yaml: %w", err)
	}
	return doc, nil
}
