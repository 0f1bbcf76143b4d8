package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// checkEnv refuses variables that begin with OPENLOT_ and mean nothing here: a
// setting whose name is mistyped would be ignored without a word. Those of the
// edge and of tests are not ours to judge.
func checkEnv(parser *kong.Kong, environ []string) error {
	var known []string
	_ = kong.Visit(parser.Model, func(n kong.Visitable, next kong.Next) error { // the visitor never fails
		if f, ok := n.(*kong.Flag); ok {
			known = append(known, f.Envs...)
		}
		return next(nil)
	})
	for _, v := range environ {
		name, _, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "OPENLOT_") && !strings.HasPrefix(name, "OPENLOT_EDGE_") && !strings.HasPrefix(name, "OPENLOT_TEST_") && !slices.Contains(known, name) {
			return fmt.Errorf("unknown setting %s in the environment", name)
		}
	}
	return nil
}
