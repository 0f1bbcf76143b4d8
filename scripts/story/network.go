package story

import (
	"context"
	"fmt"
	"strings"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// network is the line between an edge and the broker.
type network struct{ proxy *toxiproxy.Proxy }

// newNetwork makes a line to upstream.
func newNetwork(name, upstream string) (*network, error) {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := toxiproxy.NewProxy(server, name, "127.0.0.1:0", upstream)
	if err := p.Start(); err != nil {
		return nil, fmt.Errorf("a proxy for %s: %w", name, err)
	}
	return &network{p}, nil
}

// addr is where the edge finds its broker.
func (n *network) addr() string { return n.proxy.Listen }

// cut makes every packet vanish, both ways: connections hang, new ones get no
// answer, and nobody is told.
func (n *network) cut() error {
	for _, way := range []string{"upstream", "downstream"} {
		toxic := fmt.Sprintf(`{"name": %q, "type": "timeout", "stream": %q, "attributes": {"timeout": 0}}`, "cut_"+way, way)
		if _, err := n.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			return fmt.Errorf("cut the network %s: %w", way, err)
		}
	}
	return nil
}

// heal lets packets through again. What was lost stays lost: the connections
// that hung are broken.
func (n *network) heal(ctx context.Context) { n.proxy.Toxics.ResetToxics(ctx) }

func (n *network) close() { n.proxy.Stop() }
