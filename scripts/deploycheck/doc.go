// Package deploycheck checks the files in deploy: that every metric which a
// dashboard or an alert names is really exported by the programs, and that what
// is written for Kubernetes says what its types allow and what the programs
// understand. It is a module of its own, so that what it needs for that stays out
// of the product's.
//
// Mistakes that were made on purpose, each in a copy, and that it found: a metric
// renamed in an alert and in a dashboard; a Deployment and a Job without
// enableServiceLinks: false; a Service whose target port or selector leads nowhere; a
// setting with a wrong name in the Deployment (Kustomize and Helm), in the generated
// ConfigMap, and in a compose file.
package deploycheck
