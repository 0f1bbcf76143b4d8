package ha

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// cutFor is how long a machine is cut off whose absence nobody has to settle: longer
// than any lease or timeout by which others would notice.
const cutFor = 8 * time.Second

// cuts are the ways in which the network breaks between parts that are all alive; none
// where there is no network to break.
func (c *Cluster) cuts() []kill {
	if c.network == nil {
		return nil
	}
	etcd := []string{"etcd1", "etcd2", "etcd3"}
	databases := []string{pgName(0), pgName(1), pgName(2)}
	all := []kill{
		{cut: true, name: "an instance is cut off from Postgres", do: c.apart([]string{"cloud1"}, databases)},
		{cut: true, name: "an instance is cut off from the balancer", do: c.apart([]string{"cloud2"}, []string{"balancer"})},
		{cut: true, name: "an instance is cut off from everything", do: c.apart([]string{"cloud3"}, c.others("cloud3"))},
		{cut: true, name: "a node of the broker is cut off from the others", do: c.apart([]string{"nats1"}, []string{"nats2", "nats3"})},
		{cut: true, name: "a node of the broker is cut off from everything", do: c.apart([]string{"nats2"}, c.others("nats2"))},
		{cut: true, name: "the leader of etcd is cut off from the others", do: func(ctx context.Context) error {
			n, err := c.etcdLeader(ctx)
			if err != nil {
				return err
			}
			return c.apart([]string{etcd[n]}, append(etcd[:n:n], etcd[n+1:]...))(ctx)
		}},
		{cut: true, name: "the read replica is cut off from the others", do: c.apart(databases[replica:], databases[:replica])},
		{cut: true, name: "the standby is cut off from the primary", primary: true, do: func(ctx context.Context) error {
			return errors.Join(c.apart(databases[:1], databases[1:replica])(ctx), await(ctx, rejoinLimit, c.Synchronous))
		}},
	}
	for n := range c.Sites {
		all = append(all, kill{cut: true, name: fmt.Sprintf("edge %d is cut off", n+1), do: func(ctx context.Context) error {
			return errors.Join(c.apart([]string{siteName(n)}, []string{"balancer"})(ctx), c.Sites[n].WaitLinked(ctx))
		}})
		break // one is like another
	}
	return append(all, c.primaryCuts(c.others)...)
}

// primaryCuts are those after which another Postgres has to lead.
func (c *Cluster) primaryCuts(others func(string) []string) []kill {
	if c.network == nil {
		return nil
	}
	return []kill{
		{cut: true, name: "the primary is cut off from everything", primary: true, do: c.deposed(others)},
		{cut: true, name: "the primary is cut off from etcd", primary: true, do: c.deposed(func(string) []string { return []string{"etcd1", "etcd2", "etcd3"} })},
	}
}

// others are all machines but one.
func (c *Cluster) others(machine string) (all []string) {
	for m := range c.layout.at {
		if m != machine {
			all = append(all, m)
		}
	}
	return all
}

// etcdLeader is the number of the etcd that leads.
func (c *Cluster) etcdLeader(ctx context.Context) (int, error) {
	for n, addr := range c.layout.etcd {
		var s struct {
			State string `json:"state"`
		}
		if err := get(ctx, "http://"+addr+"/v2/stats/self", &s); err == nil && s.State == "StateLeader" {
			return n, nil
		}
	}
	return 0, errors.New("no etcd leads")
}

// apart cuts machines off from others for a while.
func (c *Cluster) apart(some, others []string) func(context.Context) error {
	return func(ctx context.Context) error {
		heal, err := c.network.cut(ctx, c.layout.addresses(some), c.layout.addresses(others))
		if err != nil {
			return err
		}
		pause(ctx, cutFor)
		return heal()
	}
}

// deposed cuts the primary off until another leads and sells, sees that the old one
// does not lead any more, and joins them again.
func (c *Cluster) deposed(from func(string) []string) func(context.Context) error {
	return func(ctx context.Context) error {
		n, err := c.Primary(ctx)
		if err != nil {
			return err
		}
		heal, err := c.network.cut(ctx, c.layout.addresses([]string{pgName(n)}), c.layout.addresses(from(pgName(n))))
		if err != nil {
			return err
		}
		err = c.overtaken(ctx, n, "is cut off")
		if err == nil {
			err = c.leadsNoMore(ctx, n)
		}
		if err = errors.Join(err, heal()); err != nil {
			return err
		}
		return await(ctx, rejoinLimit, c.Synchronous)
	}
}

// leadsNoMore asks the Postgres itself: while another sells, this one takes no writes.
func (c *Cluster) leadsNoMore(ctx context.Context, n int) error {
	conn, err := pgx.Connect(ctx, c.layout.one("postgres", "postgres", n))
	if err != nil {
		return nil // one that does not answer leads nothing
	}
	defer func() { _ = conn.Close(ctx) }() // only read
	var standby bool
	if err := conn.QueryRow(ctx, "select pg_is_in_recovery()").Scan(&standby); err != nil {
		return nil // as above
	}
	if !standby {
		return fmt.Errorf("%s was cut off and another leads, but it still takes writes", pgName(n))
	}
	return nil
}
