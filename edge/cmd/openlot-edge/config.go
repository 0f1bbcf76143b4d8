package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
)

// configFile is the path of a YAML file whose keys are the flags' names. A flag
// and the environment win over it; a key that no flag has is an error.
type configFile string

// BeforeResolve reads the file before kong fills in what was not given.
func (c configFile) BeforeResolve(k *kong.Kong, ctx *kong.Context, trace *kong.Path) error {
	path, ok := ctx.FlagValue(trace.Flag).(configFile)
	if !ok || path == "" {
		return nil
	}
	values := koanf.New("\x00") // flat: no flag has this in its name
	if err := values.Load(file.Provider(string(path)), yaml.Parser()); err != nil {
		return usage("--config %s: %v", path, err)
	}
	var known []string
	for _, group := range ctx.Selected().AllFlags(true) {
		for _, f := range group {
			known = append(known, f.Name)
		}
	}
	for _, key := range values.Keys() {
		if !slices.Contains(known, key) || key == "config" || key == "help" {
			return usage("--config %s: unknown setting %q", path, key)
		}
	}
	ctx.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, f *kong.Flag) (any, error) {
		if !values.Exists(f.Name) || slices.ContainsFunc(f.Envs, isSet) {
			return nil, nil
		}
		if f.IsSlice() {
			if list := values.Strings(f.Name); len(list) > 0 {
				return strings.Join(list, ","), nil
			}
		}
		return fmt.Sprint(values.Get(f.Name)), nil
	}))
	return nil
}

// checkEnv refuses variables that begin with OPENLOT_EDGE_ and mean nothing: a
// setting whose name is mistyped would be ignored without a word.
func checkEnv(parser *kong.Kong, environ []string) error {
	var known []string
	_ = kong.Visit(parser.Model, func(n kong.Visitable, next kong.Next) error { // the visitor never fails
		if f, ok := n.(*kong.Flag); ok {
			known = append(known, f.Envs...)
		}
		return next(nil)
	})
	for _, v := range environ {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "OPENLOT_EDGE_") && !slices.Contains(known, name) {
			return usage("unknown setting %s in the environment", name)
		}
	}
	return nil
}

func isSet(name string) bool {
	_, ok := os.LookupEnv(name)
	return ok
}
