package ha

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Describe says where everything listens and how to end a part of it.
func (c *Cluster) Describe(out io.Writer) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	line := func(m *member, what, where string) {
		pid := ""
		if m != nil && m.now != nil {
			pid = fmt.Sprint(m.now.PID())
		}
		_, _ = fmt.Fprintf(w, "  %s\t%s\t%s\n", what, where, pid)
	}
	line(c.Balancer, "balancer: pages and API", c.URL()+"/")
	line(nil, "balancer: MQTT", c.layout.mqtt)
	for n, m := range c.Clouds {
		line(m, m.name, "http://"+c.layout.cloud[n]+"  metrics "+c.layout.admin[n])
	}
	for n, m := range c.Databases {
		line(m, m.name, c.layout.postgres[n]+"  patroni http://"+c.layout.patroni[n]+"/cluster")
	}
	for n, m := range c.Etcd {
		line(m, m.name, c.layout.etcd[n])
	}
	for n, m := range c.NATS {
		line(m, m.name, c.layout.nats[n]+"  MQTT "+c.layout.natsMQTT[n])
	}
	for _, s := range c.Sites {
		line(nil, s.Parking, "twin "+s.TwinURL+"  edge "+s.EdgeURL)
	}
	_ = w.Flush() // into memory
	_, _ = fmt.Fprintf(out, "\nOpenlot runs without a part that may not fail (process ids on the right):\n\n%s\nDatabase: %s\nEverything is in %s.\nCtrl-C stops it all.\n",
		b.String(), c.layout.dsn(owner, database), c.cfg.Dir)
}
