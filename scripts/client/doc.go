// Package client speaks the public HTTP interfaces of the cloud, the twin and
// the edge, as drivers' apps and onlookers do.
package client
