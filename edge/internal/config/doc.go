// Package config reads what an edge is told: one YAML file, over which go the
// environment and flags. It is checked as a whole, so that whoever installs sees
// everything that is wrong at once: the file's line, the key, what is wrong with
// it and what would be right.
//
// The keys are listed in edge/docs/configuration.md and, with comments, in
// edge/packaging/openlot-edge.yaml; a test compares all three.
package config
