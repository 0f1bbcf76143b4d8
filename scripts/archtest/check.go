package archtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath   string
	Dir          string
	Standard     bool
	GoFiles      []string
	CgoFiles     []string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string
	Module       *struct{ Path string }
}

func (p pkg) ours() bool { return strings.HasPrefix(p.ImportPath, prefix) }

// local is the path without our prefix.
func (p pkg) local() string { return strings.TrimPrefix(p.ImportPath, prefix) }

// load lists the packages of the module in dir and all that they need.
func load(ctx context.Context, dir string) ([]pkg, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-json=ImportPath,Dir,Standard,GoFiles,CgoFiles,Imports,TestImports,XTestImports,Deps,Module", "./...")
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list in %s: %w: %s", dir, err, stderr.String())
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("read what go list says: %w", err)
		}
		all = append(all, p)
	}
}

// below reports whether p is what, or lies below it.
func below(p, what string) bool { return p == what || strings.HasPrefix(p, what+"/") }

func belowAny(p string, what []string) bool {
	return slices.ContainsFunc(what, func(w string) bool { return below(p, w) })
}

// check returns one sentence for every import of the packages that breaks a
// rule.
func check(all []pkg) []string {
	byPath := make(map[string]pkg, len(all))
	for _, p := range all {
		byPath[p.ImportPath] = p
	}
	var broken []string
	for _, p := range all {
		if !p.ours() {
			continue
		}
		broken = append(broken, checkConfined(p)...)
		broken = append(broken, checkBarred(p)...)
		broken = append(broken, checkLanguage(p, byPath)...)
		if isPure(p.local()) {
			broken = append(broken, checkPure(p, byPath)...)
		}
	}
	slices.Sort(broken)
	return broken
}

func checkConfined(p pkg) (broken []string) {
	for _, rule := range confinedLibraries() {
		if belowAny(p.local(), rule.only) {
			continue
		}
		imports := p.Imports
		if !rule.tests {
			imports = slices.Concat(imports, p.TestImports, p.XTestImports)
		}
		if slices.ContainsFunc(imports, func(i string) bool { return below(i, rule.what) }) {
			broken = append(broken, fmt.Sprintf("%s imports %s, which only %s may: %s",
				p.local(), rule.what, strings.Join(rule.only, ", "), rule.why))
		}
	}
	return broken
}

func checkBarred(p pkg) (broken []string) {
	for _, rule := range barredDependencies() {
		if !below(p.local(), rule.module) {
			continue
		}
		for _, dep := range slices.Concat(p.Deps, p.TestImports, p.XTestImports) {
			if belowAny(dep, rule.what) {
				broken = append(broken, fmt.Sprintf("%s pulls in %s, which %s must not: %s", p.local(), dep, rule.module, rule.why))
				break // one is enough to go by; the rest comes with it
			}
		}
	}
	return broken
}

func checkLanguage(p pkg, byPath map[string]pkg) (broken []string) {
	if !below(p.local(), "protocol") {
		return nil
	}
	for _, i := range p.Imports {
		if !byPath[i].Standard && !belowAny(i, languageLibraries()) {
			broken = append(broken, fmt.Sprintf("%s imports %s; protocol imports the standard library, cbor and go-cose only: device makers import it", p.local(), i))
		}
	}
	return broken
}

func isPure(local string) bool {
	return slices.ContainsFunc(pure(), func(w string) bool {
		tree, all := strings.CutSuffix(w, "/...")
		return local == w || all && below(local, tree)
	})
}

// checkPure looks through our own packages: a pure package that calls one of
// ours that opens files is not pure.
func checkPure(p pkg, byPath map[string]pkg) (broken []string) {
	seen := map[string]bool{}
	var visit func(at pkg, way []string)
	visit = func(at pkg, way []string) {
		if seen[at.ImportPath] {
			return
		}
		seen[at.ImportPath] = true
		way = append(way, at.local())
		for _, i := range at.Imports {
			if slices.Contains(impure(), i) || !byPath[i].Standard && belowAny(i, impure()) {
				broken = append(broken, fmt.Sprintf("%s imports %s; a pure package computes and does nothing else", strings.Join(way, " -> "), i))
			}
			if next := byPath[i]; next.ours() {
				visit(next, slices.Clone(way))
			}
		}
	}
	visit(p, nil)
	return broken
}

// checkClock returns the places where pure packages read the clock.
func checkClock(all []pkg) (broken []string, err error) {
	for _, p := range all {
		if !p.ours() || !isPure(p.local()) {
			continue
		}
		for _, name := range slices.Concat(p.GoFiles, p.CgoFiles) {
			found, err := clockCalls(filepath.Join(p.Dir, name), nil)
			if err != nil {
				return nil, err
			}
			for _, f := range found {
				broken = append(broken, p.local()+"/"+f+"; a pure package is told the time")
			}
		}
	}
	return broken, nil
}

// clockCalls finds uses of the clock in a file; src as in parser.ParseFile.
func clockCalls(file string, src any) ([]string, error) {
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, file, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	name := ""
	for _, i := range tree.Imports {
		if i.Path.Value == `"time"` {
			name = "time"
			if i.Name != nil {
				name = i.Name.Name
			}
		}
	}
	if name == "." {
		return []string{path.Base(filepath.ToSlash(file)) + ": imports time into its own names, so that its use cannot be seen"}, nil
	}
	var found []string
	ast.Inspect(tree, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && name != "" && x.Name == name && slices.Contains(clock(), sel.Sel.Name) {
			at := fset.Position(sel.Pos())
			found = append(found, fmt.Sprintf("%s:%d uses time.%s", path.Base(filepath.ToSlash(file)), at.Line, sel.Sel.Name))
		}
		return true
	})
	return found, nil
}

// clock lists what in package time reads the clock or waits for it.
func clock() []string {
	return []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"}
}
