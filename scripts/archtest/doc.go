// Package archtest holds the house's import rules: which package may know which
// technology, which packages are pure, and what each module may pull in at all.
// The tables are in rules.go, each line with its reason; the tests run them over
// what `go list -deps` says of every module, and over the source where imports
// do not tell (reading the clock).
package archtest
