// Package httpapi is the public HTTP API: routing, strict reading of requests,
// and the shape of answers. What it serves is described in api/openapi.yaml;
// tests compare every route and every answer with it.
//
// It decides nothing about reservations: that is package booking. Handlers that
// others own (the listing's, the web pages, the development pages) are mounted
// as they are.
//
// Every request is logged in one line, with the route's template instead of the
// path and without its query, so that no token, plate or address gets into a
// log. An answer with a status of 500 or above is logged with its cause. What balancers
// ask, and answers of the listing that are good and not slow, are lines for debugging:
// the metrics count them, and millions of them would hide all others.
package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/trace"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/position"
	"github.com/openlot/openlot/cloud/internal/problem"
	"github.com/openlot/openlot/cloud/internal/rates"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/sse"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// Booking sells.
type Booking interface {
	Reserve(ctx context.Context, r booking.Request) (booking.View, error)
	Confirm(ctx context.Context, r id.Reservation) (booking.View, error)
	Extend(ctx context.Context, r id.Reservation, c booking.ChangeRequest) (booking.View, error)
	Modify(ctx context.Context, r id.Reservation, c booking.ChangeRequest) (booking.View, error)
	Withdraw(ctx context.Context, r id.Reservation, change id.Payment) (booking.View, error)
	CancelAt(ctx context.Context, r id.Reservation, shown *money.Amount) (booking.View, error)
	Pay(ctx context.Context, r id.Reservation, q booking.PayRequest) (booking.View, error)
	TryCard(ctx context.Context, r id.Reservation, q booking.CardRequest) (booking.View, error)
	PriceOf(ctx context.Context, r id.Reservation, c booking.ChangeRequest) (reservation.Quote, error)
	Get(ctx context.Context, r id.Reservation) (booking.View, error)
	Pass(ctx context.Context, r id.Reservation) (string, error)
	PIN(ctx context.Context, r id.Reservation) (string, error)
	Authenticate(r id.Reservation, token string) error
	Quote(ctx context.Context, parking, spaceType string, from, to time.Time) (booking.Quote, error)
}

// Watcher wakes streams.
type Watcher interface {
	// WatchReservation returns a channel that gets a value after something about
	// the reservation has changed, folded when several things do, and what ends
	// it.
	WatchReservation(p id.Parking, r id.Reservation) (<-chan struct{}, func())
}

// Check is one part that must work for the process to be ready.
type Check struct {
	Name string
	Run  func(ctx context.Context) error
}

// Config is what the API is made of. A handler that is nil leaves its routes
// out.
type Config struct {
	Booking     Booking
	Watcher     Watcher
	Receipts    Receipts
	Webhooks    Webhooks // nil: no provider sends any
	Accounts    Accounts
	Listed      Listed    // what the listing says of a parking
	Gatehouse   Gatehouse // nil: nothing is looked after from afar
	Settings    Settings  // how parkings are run
	Shops       Shops     // of parkings
	Teams       Teams     // who runs them
	TeamHistory TeamHistory
	Numbers     Numbers  // nil: there are no pages for operators
	Demand      Demand   // nil: nobody counts who finds nothing
	Pictures    Pictures // nil: none are shown
	Usual       Usual    // nil: nobody knows
	Reminders   Reminders
	Places      Places   // nil: nobody looks for any
	Origins     []string // of pages that may send a session from elsewhere, as https://portal.example.org
	// TrustedProxies are the addresses or networks of those whose X-Forwarded-For is believed.
	TrustedProxies []string

	Log     *slog.Logger
	Metrics *Metrics             // nil: nobody counts
	Tracing trace.TracerProvider // nil: nothing is traced
	Checks  []Check
	// Position is how far the database's log is written. Nil: reading from anywhere
	// shows everything, so that nobody has to be told.
	Position func(context.Context) (position.Position, error)
	Stopping <-chan struct{}            // closed: streams end and the process is not ready; nil: never
	Drain    time.Duration              // over which streams end
	Cards    Cards                      // how a card is entered
	Rates    func() (rates.Rates, bool) // exchange rates, if there are any to be shown; nil: none

	Parkings http.Handler // GET /parkings
	Parking  http.Handler // GET /parking and /parkings/{id}, with PathValue("id")
	Web      http.Handler // GET / and /assets/…
	Apps     http.Handler // GET /.well-known/…, for phones that look which apps are ours
	Mail     http.Handler // GET /dev/mail and /dev/mail/{id}
	Sandbox  http.Handler // /dev/sandbox and below

	MaxStreams int // of drivers, and of operators, at a time, a tenth of them one network's; 0: 10000

	// Of one network, on this instance: requests to routes that cost the database
	// something and are open to anybody, and payments that secure nothing.
	Requests, Unsecured Pace
	Now                 func() time.Time // of the two; nil: time.Now
}

// Limits of a request.
const (
	maxBody           = 64 << 10
	bodyTimeout       = 10 * time.Second
	requestTimeout    = 30 * time.Second
	defaultMaxStreams = 10_000
)

type server struct {
	Config
	spec   []byte // openapi.json
	origin *http.CrossOriginProtection
	docs   []byte

	requests, unsecured *callers
	drivers, owners     *openStreams
}

// New makes the API's handler.
func New(c Config) (http.Handler, error) {
	if c.MaxStreams == 0 {
		c.MaxStreams = defaultMaxStreams
	}
	c.Log = c.Log.With("component", "http")
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &server{Config: c, origin: http.NewCrossOriginProtection(), requests: newCallers(c.Requests, c.Now), unsecured: newCallers(c.Unsecured, c.Now), drivers: newOpenStreams(c.MaxStreams), owners: newOpenStreams(c.MaxStreams)}
	for _, o := range c.Origins {
		if err := s.origin.AddTrustedOrigin(o); err != nil {
			return nil, fault.Wrap(err, fault.Invalid, "origin_invalid", "An allowed origin is written as https://portal.example.org, without a path.")
		}
	}
	var err error
	if s.spec, s.docs, err = describe(); err != nil {
		return nil, err
	}
	r := s.router()
	if err := s.trust(r); err != nil {
		return nil, err
	}
	return r, nil
}

// NewServer is an HTTP server with the limits that suit this API. Its answers
// have no deadline of their own, because streams have no end; the listing's leave it.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
		ConnContext: sse.ConnContext,
		ErrorLog:    slog.NewLogLogger(log.With("component", "http").Handler(), slog.LevelWarn),
	}
}

func (s *server) router() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.HandleMethodNotAllowed = true
	r.RedirectTrailingSlash = false
	r.Use(s.observe, s.recover, secure(), s.sameOrigin, s.positioned)
	r.NoRoute(s.do(func(c *gin.Context) error {
		if s.toPortal(c) {
			return nil
		}
		return fault.New(fault.NotFound, problem.CodeRouteNotFound, "There is nothing at this address. /docs says what there is.")
	}))
	r.NoMethod(s.do(func(c *gin.Context) error {
		if s.toPortal(c) {
			return nil
		}
		return fault.New(fault.Invalid, problem.CodeMethodNotAllowed, "This address does not take that method. The Allow header says which it takes.")
	}))

	get := func(path string, h gin.HandlerFunc) { r.GET(path, h); r.HEAD(path, h) }
	mount := func(h http.Handler, add func(string, gin.HandlerFunc), paths ...string) {
		if h == nil {
			return
		}
		for _, p := range paths {
			add(p, wrap(h))
		}
	}
	post := func(path string, h gin.HandlerFunc) { r.POST(path, h) }

	mount(s.Parkings, get, parkingsPath)
	mount(s.Parking, get, parkingPath, namedPath)
	mount(s.Web, get, "/", "/assets/*path", "/portal/*path", "/basemap.pmtiles", "/design", "/design/*path", "/owner", "/owner/", "/owner/assets/*path")
	mount(s.Apps, get, "/.well-known/assetlinks.json", "/.well-known/apple-app-site-association")
	mount(s.Mail, get, "/dev/mail", "/dev/mail/:id")
	mount(s.Sandbox, get, "/dev/sandbox", "/dev/sandbox/holds", "/dev/sandbox/challenge/:ref")
	mount(s.Sandbox, post, "/dev/sandbox/challenge/:ref", "/dev/sandbox/holds/:ref/dispute")

	r.POST("/quotes", s.paced(s.createQuote))
	r.POST("/reserve", s.carded(s.reserve))
	get("/reservations/:id", s.paced(s.getReservation))
	r.POST("/reservations/:id/confirm", s.paced(s.confirm))
	r.POST("/reservations/:id/extend", s.carded(s.extend))
	r.POST("/reservations/:id/modify", s.carded(s.modify))
	r.POST("/reservations/:id/price", s.paced(s.priceOf))
	r.POST("/reservations/:id/pay", s.carded(s.pay))
	r.POST("/reservations/:id/card", s.carded(s.tryCard))
	r.DELETE("/reservations/:id/change", s.paced(s.withdraw))
	r.POST("/reservations/:id/cancel", s.paced(s.cancel))
	get("/reservations/:id/reminders", s.paced(s.getReminders))
	r.PUT("/reservations/:id/reminders", s.paced(s.putReminders))
	get("/reservations/:id/pass", s.paced(s.getPass))
	s.accountRoutes(r, get)
	if s.Receipts != nil {
		get("/reservations/:id/receipt", s.paced(s.getReceipt))
		get("/parkings/:id/tariffs/:version", s.paced(s.getTariff))
		get("/keys", s.paced(s.getKeys))
	}

	if s.Pictures != nil {
		s.pictureRoutes(r, get)
	}
	if s.Usual != nil {
		get("/parkings/:id/usual", s.paced(s.getUsual))
	}

	if s.Webhooks != nil {
		r.POST("/webhooks/:provider", s.do(s.takeWebhook))
	}

	if s.Places != nil {
		get("/places", s.paced(s.findPlaces))
	}
	get("/payment-config", s.paymentConfig)
	get("/exchange-rates", s.exchangeRates)
	get(healthzPath, s.healthz)
	get(readyzPath, s.readyz)
	get("/openapi.json", s.document("application/json", s.spec))
	get("/docs", s.document("text/html; charset=utf-8", s.docs))
	return r
}

// do runs a handler and writes its error as a problem.
func (s *server) do(h func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		err := readable(c)
		if err == nil {
			err = h(c)
		}
		if err == nil {
			return
		}
		_ = c.Error(err) // for the log line
		switch {
		case !c.Writer.Written():
			c.Writer.Header().Del("Content-Disposition") // a problem is no file
			problem.Write(c.Writer, c.Request, err)
		case c.Writer.Header().Get("Content-Type") != "text/event-stream": // whose end says nothing
			s.cutOff(c, err)
		}
	}
}

// readable refuses what no text is: NUL, which a database does not keep, and what is not
// UTF-8. A path with such a part, or an empty one, leads nowhere.
func readable(c *gin.Context) error {
	for _, p := range c.Params {
		if p.Value == "" || !isText(p.Value) {
			return fault.New(fault.NotFound, problem.CodeRouteNotFound, "There is nothing at this address. /docs says what there is.")
		}
	}
	if c.Request.URL.RawQuery == "" {
		return nil
	}
	for name, values := range c.Request.URL.Query() {
		for _, text := range append(values, name) {
			if !isText(text) {
				return fault.New(fault.Invalid, problem.CodeMalformedQuery, "The query cannot be read: it has a character that no text has.")
			}
		}
	}
	return nil
}

func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// cutOff ends an answer that has begun and cannot be finished, so that nobody takes it for
// whole: half a file that ends properly looks complete.
func (s *server) cutOff(c *gin.Context, err error) {
	level := slog.LevelError
	if c.Request.Context().Err() != nil { // its reader has gone away
		level = slog.LevelInfo
	}
	s.Log.Log(c.Request.Context(), level, "an answer was cut off", "request_id", c.Writer.Header().Get(problem.RequestIDHeader),
		"route", c.FullPath(), "bytes", c.Writer.Size(), "code", fault.Code(err), "err", err)
	panic(http.ErrAbortHandler)
}

// wrap mounts a handler of net/http. Flush and deadlines reach the connection
// through gin's writer.
func wrap(h http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		for _, p := range c.Params {
			c.Request.SetPathValue(p.Key, p.Value)
		}
		h.ServeHTTP(c.Writer, c.Request)
	}
}

// bounded gives a request that is no stream its time.
func bounded(c *gin.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.Request.Context(), requestTimeout)
}
