package broker_test

import (
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/openlot/openlot/protocol/topic"
)

// An edge that connects under another edge's client id must not cut that one off.
func TestAnEdgeCannotTakeAnothersClientID(t *testing.T) {
	f := start(t)
	b := f.edge(t, neumarkt)
	theirs, ok := subscribe(t, b, topic.DownFilter(neumarkt))
	if !ok {
		t.Fatal("an edge may not listen on its own channels")
	}
	r := b.OptionsReader()
	o := paho.NewClientOptions().AddBroker(f.URL()).SetClientID(r.ClientID()).SetUsername(f.edges[altmarkt].String()).
		SetPassword(f.secret[altmarkt]).SetCleanSession(true).SetAutoReconnect(false).SetConnectTimeout(limit)
	c := paho.NewClient(o)
	if tok := c.Connect(); tok.WaitTimeout(limit) && tok.Error() == nil {
		defer c.Disconnect(50)
	}
	// A message to it shows whether it is still there.
	publish(t, f.cloud(t), topic.ForDown(neumarkt, topic.Ack), []byte("still there"))
	receive(t, theirs)
}
