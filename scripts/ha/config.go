package ha

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/topic"
)

// How soon Patroni acts. A primary whose machine is gone is replaced when its lease
// has run out, so that the lease is most of the time in which nothing can be sold.
// Patroni wants ttl ≥ loop_wait + 2 × retry_timeout.
const (
	patroniTTL   = 8
	patroniLoop  = 1
	patroniRetry = 3
)

type object = map[string]any

// patroniConfig is the configuration of one node; JSON is YAML. The third node is the
// read replica: it is never synchronous and never promoted.
func (l layout) patroniConfig(n int, pgBin, dir string) ([]byte, error) {
	role := func(name string) object { return object{"username": name, "password": l.password} }
	parameters := object{
		"unix_socket_directories": dir, "max_connections": 200, "shared_buffers": "64MB", "wal_log_hints": "on", "hot_standby_feedback": "on",
		// Slots keep what a standby needs. A primary that was deposed copies all of the
		// new one's log when it rewinds, which took half a minute after an hour of that.
		"wal_keep_size": "32MB", "max_wal_size": "192MB", "min_wal_size": "32MB", "log_error_verbosity": "terse", "timezone": "UTC", "wal_receiver_status_interval": "1s", "wal_receiver_timeout": "5s",
		"wal_sender_timeout": "5s",
	}
	return json.MarshalIndent(object{
		"scope": "openlot", "name": pgName(n),
		"restapi": object{"listen": l.patroni[n], "connect_address": l.patroni[n]},
		// Not the third version of the interface: with it Patroni 3.0 writes a lease
		// anew without comparing, so that a leader that hung and goes on takes the
		// leadership back from the one that was promoted, and what that one has
		// acknowledged is lost. make ha-drill sees it.
		"etcd": object{"hosts": strings.Join(l.etcd, ",")},
		"bootstrap": object{
			"dcs": object{
				"ttl": patroniTTL, "loop_wait": patroniLoop, "retry_timeout": patroniRetry, "maximum_lag_on_failover": 1 << 20,
				"synchronous_mode": true, "primary_start_timeout": 0,
				"postgresql": object{"use_pg_rewind": true, "use_slots": true, "parameters": parameters},
			},
			"initdb": []any{object{"encoding": "UTF8"}, object{"locale": "C"}, "data-checksums"},
		},
		"postgresql": object{
			"listen": l.postgres[n], "connect_address": l.postgres[n], "data_dir": dir + "/data", "bin_dir": pgBin, "pgpass": dir + "/pgpass",
			"authentication": object{"superuser": role("postgres"), "replication": role("replicator"), "rewind": role("rewinder")},
			"pg_hba":         []string{"host all all " + l.network() + " scram-sha-256", "host replication all " + l.network() + " scram-sha-256", "local all all peer"},
			"remove_data_directory_on_rewind_failure": true, "remove_data_directory_on_diverged_timelines": true,
		},
		"tags": object{"nofailover": n == replica, "nosync": n == replica},
	}, "", "  ")
}

func pgName(n int) string { return fmt.Sprintf("pg%d", n+1) }

// haproxyConfig sends requests to instances that are ready, and when none says that it
// is, to any that lives: all depend on one database, and what is answered from memory
// is answered without it. One that is not ready says so by 404, which lets its streams
// be; the streams of one that does not answer at all are ended, so that their clients
// come back to another: behind a network that swallows everything they would stay as
// they were until long after it is mended. What may not be done twice carries its key, so that a request
// whose connection died may go to another instance.
func (l layout) haproxyConfig(socket string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `global
	maxconn 8000
	stats socket %s mode 600 level admin
defaults
	mode http
	timeout connect 1s
	timeout client 75s
	timeout server 75s
	timeout check 2s
	retries 3
	option redispatch 1
	option forwardfor
	retry-on conn-failure empty-response
	default-server inter 250ms fall 2 rise 1 on-marked-down shutdown-sessions
frontend http
	bind %s
	use_backend ready if { nbsrv(ready) gt 0 }
	default_backend alive
`, socket, l.balancer)
	for _, backend := range [][2]string{{"ready", "/readyz?unready=404"}, {"alive", "/healthz"}} {
		fmt.Fprintf(&b, "backend %s\n\tbalance leastconn\n\toption httpchk GET %s\n\thttp-check disable-on-404\n", backend[0], backend[1])
		for n, addr := range l.cloud {
			fmt.Fprintf(&b, "\tserver cloud%d %s check\n", n+1, addr)
		}
	}
	fmt.Fprintf(&b, "frontend mqtt\n\tmode tcp\n\tbind %s\n\tdefault_backend nats\nbackend nats\n\tmode tcp\n\tbalance leastconn\n", l.mqtt)
	for n, addr := range l.natsMQTT {
		fmt.Fprintf(&b, "\tserver nats%d %s check\n", n+1, addr)
	}
	return b.String()
}

// edgeLogin is who an edge is at the broker.
type edgeLogin struct {
	Edge    string `json:"edge_id"`
	Secret  string `json:"secret"`
	Parking string `json:"parking_id"`
}

const natsCloudUser = "openlot-cloud"

// natsConfig is one node of the broker, with the same permissions that the embedded
// broker gives.
func (l layout) natsConfig(n int, dir string, edges []edgeLogin) ([]byte, error) {
	users := []any{object{"user": natsCloudUser, "password": l.password}}
	for _, e := range edges {
		p := id.Parking(e.Parking)
		users = append(users, object{"user": e.Edge, "password": e.Secret, "permissions": object{
			"publish": []string{subject(topic.PublishGrant(p))}, "subscribe": []string{subject(topic.SubscribeGrant(p))},
		}})
	}
	var routes []string
	for _, r := range l.natsRoute {
		routes = append(routes, "nats://"+r)
	}
	return json.MarshalIndent(object{
		"server_name": fmt.Sprintf("nats%d", n+1), "listen": l.nats[n], "http": l.natsHTTP[n], "max_payload": 1 << 20,
		"jetstream":     object{"store_dir": dir, "max_memory_store": 64 << 20, "max_file_store": 1 << 30},
		"cluster":       object{"name": "openlot", "listen": l.natsRoute[n], "routes": routes},
		"mqtt":          object{"listen": l.natsMQTT[n], "max_ack_pending": 900, "consumer_memory_storage": true},
		"authorization": object{"users": users},
	}, "", "  ")
}

// subject says an MQTT filter as NATS does.
func subject(filter string) string { return strings.NewReplacer("/", ".", "+", "*").Replace(filter) }
