package ha

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/openlot/openlot/scripts/stack"
)

// How many there are of each part.
const (
	nodes     = 3 // of etcd, Postgres and NATS
	instances = 3
	replica   = 2 // which Postgres is the read replica
)

// layout is where everything listens. All of it is on the loopback.
type layout struct {
	balancer, mqtt                      string
	cloud, admin                        []string
	postgres, patroni                   []string
	etcd, etcdPeer                      []string
	nats, natsHTTP, natsRoute, natsMQTT []string
	edge, twin                          []string
	password                            string // of whoever talks to a database or the broker
}

func newLayout(ctx context.Context, edges int) (l layout, err error) {
	groups := []struct {
		to *[]string
		n  int
	}{
		{&l.cloud, instances},
		{&l.admin, instances},
		{&l.postgres, nodes},
		{&l.patroni, nodes},
		{&l.etcd, nodes},
		{&l.etcdPeer, nodes},
		{&l.nats, nodes},
		{&l.natsHTTP, nodes},
		{&l.natsRoute, nodes},
		{&l.natsMQTT, nodes},
		{&l.edge, edges},
		{&l.twin, edges},
	}
	all := 2
	for _, g := range groups {
		all += g.n
	}
	ports, err := freePorts(ctx, all)
	if err != nil {
		return l, err
	}
	l.balancer, l.mqtt, ports = ports[0], ports[1], ports[2:]
	for _, g := range groups {
		*g.to, ports = slices.Clone(ports[:g.n]), ports[g.n:]
	}
	var secret [12]byte
	_, err = rand.Read(secret[:])
	l.password = hex.EncodeToString(secret[:])
	return l, err
}

// Ports are taken from below those that the system gives to outgoing connections: a
// part that was killed must find its own free when it starts again.
const (
	firstPort = 17000
	lastPort  = 32000
)

func freePorts(ctx context.Context, n int) (out []string, err error) {
	var lc net.ListenConfig
	for port := firstPort; port < lastPort && len(out) < n; port++ {
		addr := stack.Loopback(port)
		l, err := lc.Listen(ctx, "tcp", addr)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			return nil, err
		}
		out = append(out, addr)
	}
	if len(out) < n {
		return nil, fmt.Errorf("fewer than %d ports from %d to %d are free", n, firstPort, lastPort)
	}
	return out, nil
}

// dsn names every Postgres that may be the primary and takes the one that is.
func (l layout) dsn(user, database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(user, l.password), Host: strings.Join(l.postgres[:replica], ","), Path: database}
	return u.String() + "?target_session_attrs=read-write&connect_timeout=2&sslmode=disable"
}

// replicaDSN is the read replica.
func (l layout) replicaDSN() string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(owner, l.password), Host: l.postgres[replica], Path: database}
	return u.String()
}

func (l layout) mqttURL() string {
	return fmt.Sprintf("tcp://%s:%s@%s", natsCloudUser, l.password, l.mqtt)
}

// The database and the role that owns it.
const (
	owner    = "openlot"
	database = "openlot"
)
