package trace

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/openlot/openlot/protocol/wire"
)

const (
	batchLen  = 128
	sendEvery = time.Second
	sendFor   = 5 * time.Second // bounds one message to the collector
	flushFor  = time.Second     // the last one, when the agent ends
)

// FromEnv makes a tracer by OpenTelemetry's variables: OTEL_EXPORTER_OTLP_ENDPOINT or
// …_TRACES_ENDPOINT, …_HEADERS, OTEL_TRACES_SAMPLER with its …_ARG, OTEL_SDK_DISABLED.
// It is nil when they name no collector.
func FromEnv(getenv func(string) string, about ...Attr) (*Tracer, error) {
	to := getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
	if base := getenv("OTEL_EXPORTER_OTLP_ENDPOINT"); to == "" && base != "" {
		to = strings.TrimSuffix(base, "/") + "/v1/traces"
	}
	if to == "" || getenv("OTEL_SDK_DISABLED") == "true" {
		return nil, nil //nolint:nilnil // a nil tracer is one
	}
	if u, err := url.Parse(to); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("OTEL_EXPORTER_OTLP_ENDPOINT must be a URL like http://collector:4318")
	}
	share, err := sampler(getenv("OTEL_TRACES_SAMPLER"), getenv("OTEL_TRACES_SAMPLER_ARG"))
	if err != nil {
		return nil, err
	}
	t := &Tracer{url: to, headers: http.Header{"Content-Type": {"application/json"}}, share: share, queue: make(chan span, queueLen)}
	for pair := range strings.SplitSeq(getenv("OTEL_EXPORTER_OTLP_HEADERS"), ",") {
		if k, v, ok := strings.Cut(pair, "="); ok {
			if text, err := url.PathUnescape(strings.TrimSpace(v)); err == nil {
				t.headers.Set(strings.TrimSpace(k), text)
			}
		}
	}
	t.about = append([]Attr{{Key: "service.name", Text: "openlot-edge"}}, about...)
	return t, nil
}

// sampler is which share of the traces that begin here is recorded; those that
// begin elsewhere are recorded when they are there.
func sampler(name, arg string) (float64, error) {
	switch strings.TrimPrefix(name, "parentbased_") {
	case "", "always_on":
		return 1, nil
	case "always_off":
		return 0, nil
	case "traceidratio":
		if share, err := strconv.ParseFloat(arg, 64); err == nil && share >= 0 && share <= 1 {
			return share, nil
		}
		return 0, errors.New("OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1")
	}
	return 0, fmt.Errorf("OTEL_TRACES_SAMPLER is %q; use always_on, always_off or traceidratio", name)
}

// Run sends spans until ctx ends, and then what is left. A collector that does not
// answer is said once.
func (t *Tracer) Run(ctx context.Context, log *slog.Logger) error {
	if t == nil {
		return nil
	}
	client := &http.Client{Timeout: sendFor}
	defer client.CloseIdleConnections()
	tick := time.NewTicker(sendEvery)
	defer tick.Stop()
	var batch []span
	away := false
	send := func(ctx context.Context) {
		if len(batch) == 0 {
			return
		}
		err := t.post(ctx, client, batch)
		if err != nil && !away {
			log.Warn("traces cannot be sent and are dropped", "err", err)
		}
		if away = err != nil; away {
			t.dropped.Add(uint64(len(batch)))
		}
		batch = batch[:0]
	}
	for {
		select {
		case s := <-t.queue:
			if batch = append(batch, s); len(batch) == batchLen {
				send(ctx)
			}
		case <-tick.C:
			send(ctx)
		case <-ctx.Done():
			for len(t.queue) > 0 {
				batch = append(batch, <-t.queue)
			}
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushFor)
			send(last)
			cancel()
			return nil
		}
	}
}

func (t *Tracer) post(ctx context.Context, client *http.Client, batch []span) error {
	body, err := json.Marshal(t.message(batch))
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = t.headers.Clone()
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)) // so that the connection is used again
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the collector answers %s", resp.Status)
	}
	return nil
}

// The shape of OTLP's JSON; 64-bit numbers are texts there, ids hexadecimal.
type (
	message struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource   resource     `json:"resource"`
		ScopeSpans []scopeSpans `json:"scopeSpans"`
	}
	resource struct {
		Attributes []attribute `json:"attributes"`
	}
	scopeSpans struct {
		Scope scope     `json:"scope"`
		Spans []written `json:"spans"`
	}
	scope struct {
		Name string `json:"name"`
	}
	written struct {
		TraceID    string      `json:"traceId"`
		SpanID     string      `json:"spanId"`
		Parent     string      `json:"parentSpanId,omitempty"`
		Name       string      `json:"name"`
		Kind       Kind        `json:"kind"`
		Began      string      `json:"startTimeUnixNano"`
		Ended      string      `json:"endTimeUnixNano"`
		Attributes []attribute `json:"attributes,omitempty"`
	}
	attribute struct {
		Key   string `json:"key"`
		Value value  `json:"value"`
	}
	value struct {
		Text *string `json:"stringValue,omitempty"`
		N    *string `json:"intValue,omitempty"`
	}
)

func (t *Tracer) message(batch []span) message {
	out := make([]written, 0, len(batch))
	for _, s := range batch {
		trace, self, parent := s.self.TraceID(), s.self.SpanID(), s.parent.SpanID()
		w := written{
			TraceID: hex.EncodeToString(trace[:]), SpanID: hex.EncodeToString(self[:]), Name: s.name, Kind: s.kind,
			Began: strconv.FormatInt(s.began.UnixNano(), 10), Ended: strconv.FormatInt(s.ended.UnixNano(), 10), Attributes: attributes(s.attrs),
		}
		if s.parent != (wire.Trace{}) {
			w.Parent = hex.EncodeToString(parent[:])
		}
		out = append(out, w)
	}
	return message{[]resourceSpans{{resource{attributes(t.about)}, []scopeSpans{{scope{"github.com/openlot/openlot/edge"}, out}}}}}
}

func attributes(all []Attr) []attribute {
	out := make([]attribute, 0, len(all))
	for _, a := range all {
		v := value{Text: &a.Text}
		if a.Text == "" {
			n := strconv.FormatInt(a.N, 10)
			v = value{N: &n}
		}
		out = append(out, attribute{a.Key, v})
	}
	return out
}
