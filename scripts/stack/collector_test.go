package stack_test

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// span is one that a collector was told of.
type span struct {
	*tracepb.Span
	service string
}

func (s span) String() string {
	return fmt.Sprintf("%s: %q, trace %x, span %x, parent %x", s.service, s.Name, s.TraceId, s.SpanId, s.ParentSpanId)
}

// collector stands in for one of traces: it takes OTLP over HTTP in both of its
// encodings, by the published schema and not by what our programs make of it.
type collector struct {
	t   *testing.T
	url string

	mu    sync.Mutex
	spans []span
	news  chan struct{} // closed and replaced when there is more
}

func newCollector(t *testing.T) *collector {
	c := &collector{t: t, news: make(chan struct{})}
	s := httptest.NewServer(http.HandlerFunc(c.take))
	t.Cleanup(s.Close)
	c.url = s.URL
	return c
}

func (c *collector) take(w http.ResponseWriter, r *http.Request) {
	told, err := decode(r)
	if err != nil {
		c.t.Errorf("%s as %s: %v", r.URL.Path, r.Header.Get("Content-Type"), err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, of := range told.GetResourceSpans() {
		service := ""
		for _, a := range of.GetResource().GetAttributes() {
			if a.GetKey() == "service.name" {
				service = a.GetValue().GetStringValue()
			}
		}
		for _, in := range of.GetScopeSpans() {
			for _, s := range in.GetSpans() {
				c.spans = append(c.spans, span{s, service})
			}
		}
	}
	close(c.news)
	c.news = make(chan struct{})
}

// decode reads an export request, which is on the wire what TracesData is.
func decode(r *http.Request) (*tracepb.TracesData, error) {
	if r.Method != http.MethodPost || r.URL.Path != "/v1/traces" {
		return nil, fmt.Errorf("%s %s is not where traces go", r.Method, r.URL.Path)
	}
	from := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		from = z
	}
	b, err := io.ReadAll(from)
	if err != nil {
		return nil, err
	}
	told := new(tracepb.TracesData)
	switch kind := r.Header.Get("Content-Type"); kind {
	case "application/x-protobuf":
		return told, proto.Unmarshal(b, told)
	case "application/json":
		if b, err = plain(b); err != nil {
			return nil, err
		}
		return told, protojson.Unmarshal(b, told) // an unknown field is an error
	default:
		return nil, fmt.Errorf("%q is no encoding of OTLP", kind)
	}
}

// plain turns OTLP's JSON into that of Protocol Buffers: ids are hexadecimal in the
// one and Base64 in the other.
func plain(b []byte) ([]byte, error) {
	var all any
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, err
	}
	err := rewrite(all)
	if err != nil {
		return nil, err
	}
	return json.Marshal(all)
}

func rewrite(in any) error {
	switch x := in.(type) {
	case []any:
		for _, y := range x {
			if err := rewrite(y); err != nil {
				return err
			}
		}
	case map[string]any:
		for k, y := range x {
			text, isText := y.(string)
			if !isText || k != "traceId" && k != "spanId" && k != "parentSpanId" {
				if err := rewrite(y); err != nil {
					return err
				}
				continue
			}
			raw, err := hex.DecodeString(text)
			if err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
			x[k] = base64.StdEncoding.EncodeToString(raw)
		}
	}
	return nil
}

// await is the first span that fits.
func (c *collector) await(what string, fits func(span) bool) span {
	c.t.Helper()
	late := time.After(30 * time.Second)
	for {
		c.mu.Lock()
		for _, s := range c.spans {
			if fits(s) {
				c.mu.Unlock()
				return s
			}
		}
		all, news := c.spans, c.news
		c.mu.Unlock()
		select {
		case <-news:
		case <-late:
			for _, s := range all {
				c.t.Log(s)
			}
			c.t.Fatalf("waited in vain for %s", what)
		}
	}
}
