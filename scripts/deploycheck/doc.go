// Package deploycheck checks the files in deploy: that every metric which a
// dashboard or an alert names is really exported by the programs, and that what
// is written for Kubernetes says what its types allow and what the programs
// understand. It is a module of its own, so that what it needs for that stays out
// of the product's.
package deploycheck
