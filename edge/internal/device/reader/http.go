package reader

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/protocol/fault"
)

// Bounds of the server.
const (
	maxBody        = 4 << 10
	maxHeader      = 8 << 10
	maxConnections = 64
	requestTime    = 5 * time.Second
	MinToken       = 16 // characters
)

// What a reader is told.
var (
	errToken   = fault.New(fault.Unauthenticated, "unauthorized", "The reader or its token is not known.")
	errRead    = fault.New(fault.Invalid, "invalid_read", `Send {"text": "…"}, or for a plate {"plate": "…", "confidence": 0.9}, and nothing else.`)
	errLarge   = fault.New(fault.Invalid, "too_large", "At most 4 KiB are read.")
	errNothing = fault.New(fault.Invalid, "not_a_credential", "This cannot be a credential, or it was read with too little confidence.")
	errOften   = fault.New(fault.Exhausted, "too_many_reads", "More was sent than a driver can show. Wait a second.")
	errBusy    = fault.New(fault.Unavailable, "lane_busy", "The lane does not take this now. Send it again.")
)

// Server takes what readers send with POST /reader/{id}.
type Server struct {
	listen  net.Listener
	log     *slog.Logger
	readers map[string]*endpoint
}

// Listen opens the server's address.
func Listen(address string, log *slog.Logger) (*Server, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fault.Wrap(err, fault.Conflict, "readers_address", "The readers' address "+address+" cannot be used. Choose another in readers_http.")
	}
	return &Server{listen: l, log: log, readers: map[string]*endpoint{}}, nil
}

// Addr is where it listens.
func (s *Server) Addr() string { return s.listen.Addr().String() }

// Close gives the address up without having run.
func (s *Server) Close() error { return s.listen.Close() }

// endpoint is one reader of a Server.
type endpoint struct {
	desk
	token [sha256.Size]byte
	pass  atomic.Pointer[func(device.Read) bool]
}

// Reader is the reader of an id, with its token. All are made before Run.
func (s *Server) Reader(id, token string, screen Screen, log *slog.Logger) device.Reader {
	e := &endpoint{desk: desk{log: log, now: time.Now, screen: screen}, token: sha256.Sum256([]byte(token))}
	s.readers[id] = e
	return e
}

// Run implements device.Reader.
func (e *endpoint) Run(ctx context.Context, take func(device.Read) bool) error {
	e.pass.Store(&take)
	<-ctx.Done()
	e.pass.Store(nil)
	return nil
}

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /reader/{id}", s.post)
	srv := &http.Server{
		Handler: mux, ReadHeaderTimeout: requestTime, ReadTimeout: requestTime, WriteTimeout: requestTime, IdleTimeout: time.Minute,
		MaxHeaderBytes: maxHeader, BaseContext: func(net.Listener) context.Context { return ctx }, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(&limited{s.listen, make(chan struct{}, maxConnections)}) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	_ = srv.Close() // a read that is under way is sent again
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *Server) post(w http.ResponseWriter, r *http.Request) {
	e, known := s.readers[r.PathValue("id")]
	if !known {
		e = &endpoint{} // compared all the same: who guesses learns no ids by the time it takes
	}
	given, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	sum := sha256.Sum256([]byte(given))
	if subtle.ConstantTimeCompare(sum[:], e.token[:]) != 1 || !known || !bearer {
		w.Header().Set("WWW-Authenticate", "Bearer")
		refuse(w, http.StatusUnauthorized, errToken)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if errors.As(err, new(*http.MaxBytesError)) {
		refuse(w, http.StatusRequestEntityTooLarge, errLarge)
		return
	}
	text, confidence, ok := parseBody(body, e.screen.Medium)
	if err != nil || !ok {
		refuse(w, http.StatusBadRequest, errRead)
		return
	}
	pass := e.pass.Load()
	if pass == nil {
		refuse(w, http.StatusServiceUnavailable, errBusy)
		return
	}
	switch e.take(text, confidence, *pass) {
	case Junk, Unsure:
		refuse(w, http.StatusUnprocessableEntity, errNothing)
	case TooMany:
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusTooManyRequests, errOften)
	case Busy:
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable, errBusy)
	default: // a repetition is no mistake of the reader's
		w.WriteHeader(http.StatusAccepted)
	}
}

// parseBody reads {"text"} or, of a reader of plates, {"plate", "confidence"}.
func parseBody(body []byte, medium device.Medium) (text string, confidence float64, ok bool) {
	var in struct {
		Text       *string  `json:"text"`
		Plate      *string  `json:"plate"`
		Confidence *float64 `json:"confidence"`
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if dec.Decode(&in) != nil {
		return "", 0, false
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return "", 0, false
	}
	confidence = 1
	if in.Confidence != nil {
		confidence = *in.Confidence
	}
	switch {
	case medium == device.Plate && in.Plate != nil && in.Text == nil && confidence >= 0 && confidence <= 1:
		return *in.Plate, confidence, true
	case medium != device.Plate && in.Text != nil && in.Plate == nil && in.Confidence == nil:
		return *in.Text, 1, true
	default:
		return "", 0, false
	}
}

func refuse(w http.ResponseWriter, status int, f *fault.Fault) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": status, "code": f.Code, "title": f.Detail}) // the reader went away
}

// limited accepts no more connections than it has places.
type limited struct {
	net.Listener
	places chan struct{}
}

// Accept waits for a place, too.
func (l *limited) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	select {
	case l.places <- struct{}{}:
		return &placed{Conn: c, free: func() { <-l.places }}, nil
	default:
		_ = c.Close() // full
		return &placed{Conn: c, free: func() {}}, nil
	}
}

type placed struct {
	net.Conn
	free   func()
	closed atomic.Bool
}

// Close gives the place back.
func (p *placed) Close() error {
	if !p.closed.Swap(true) {
		p.free()
	}
	return p.Conn.Close()
}
