package fleet

import (
	"context"

	"github.com/openlot/openlot/protocol/topic"
	"github.com/openlot/openlot/protocol/wire"
)

// tellTime answers an edge's question for the time. Nothing is read or written for
// it, so that the answer is quick: how late it comes is how uncertain it is.
func (w *worker) tellTime(ctx context.Context, q *wire.AskTime) {
	t := &wire.Time{Edge: q.Edge, Nonce: q.Nonce, ServerTime: w.s.o.Now().UnixMilli()}
	signature, err := w.s.o.Key.SignDetached(wire.TimePurpose, t.Signed())
	if err != nil {
		w.logFailure("sign the time", err)
		return
	}
	t.Signature = signature
	w.publish(ctx, topic.Time, t)
	w.alive(ctx)
}
