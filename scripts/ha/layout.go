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

// layout is where everything listens: on the loopback, or, in a network of our own, each
// machine at its address.
type layout struct {
	at machines // empty: all is on the loopback

	balancer, mqtt                      string
	cloud, admin                        []string
	postgres, patroni                   []string
	etcd, etcdPeer                      []string
	nats, natsHTTP, natsRoute, natsMQTT []string
	edge, twin                          []string
	password                            string // of whoever talks to a database or the broker
}

func newLayout(ctx context.Context, edges int, apart bool) (l layout, err error) {
	groups := []struct {
		to      *[]string
		n       int
		machine string // and a number
	}{
		{&l.cloud, instances, "cloud"},
		{&l.admin, instances, "cloud"},
		{&l.postgres, nodes, "pg"},
		{&l.patroni, nodes, "pg"},
		{&l.etcd, nodes, "etcd"},
		{&l.etcdPeer, nodes, "etcd"},
		{&l.nats, nodes, "nats"},
		{&l.natsHTTP, nodes, "nats"},
		{&l.natsRoute, nodes, "nats"},
		{&l.natsMQTT, nodes, "nats"},
		{&l.edge, edges, "site"},
		{&l.twin, edges, "site"},
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
	if apart {
		l.at = machines{"balancer": "10.77.0.2"}
		l.balancer, l.mqtt = l.moved("balancer", l.balancer), l.moved("balancer", l.mqtt)
		for i, g := range groups {
			for n, addr := range *g.to {
				name := fmt.Sprintf("%s%d", g.machine, n+1)
				if l.at[name] == "" {
					l.at[name] = fmt.Sprintf("10.77.%d.%d", i+1, n+1)
				}
				(*g.to)[n] = l.moved(name, addr)
			}
		}
	}
	var secret [12]byte
	_, err = rand.Read(secret[:])
	l.password = hex.EncodeToString(secret[:])
	return l, err
}

// moved is an address's port on a machine.
func (l layout) moved(machine, addr string) string {
	_, port, _ := net.SplitHostPort(addr) // it is one of ours
	return net.JoinHostPort(l.at[machine], port)
}

// addresses are those of machines.
func (l layout) addresses(names []string) (out []string) {
	for _, n := range names {
		out = append(out, l.at[n])
	}
	return out
}

// network is from where everybody may talk to a database.
func (l layout) network() string {
	if len(l.at) > 0 {
		return subnet
	}
	return "127.0.0.1/32"
}

// proxy is from where the balancer talks.
func (l layout) proxy() string {
	if len(l.at) > 0 {
		return l.at["balancer"]
	}
	return "127.0.0.1"
}

func siteName(n int) string { return fmt.Sprintf("site%d", n+1) }

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

// one is a single Postgres, whether or not it leads.
func (l layout) one(user, database string, n int) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(user, l.password), Host: l.postgres[n], Path: database}
	return u.String() + "?connect_timeout=2&sslmode=disable"
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
