package stripe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v85"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/money"
)

// Name is stored with each payment.
const Name = "stripe"

// holdLife is the shortest time that card schemes keep a hold: Visa's for a driver
// who is away. How long each stands is said by its capture_before.
const holdLife = 4*24*time.Hour + 18*time.Hour

// keyLife is how long Stripe surely remembers an Idempotency-Key, less an hour for
// clocks that differ.
const keyLife = 23 * time.Hour

// callTimeout ends a call whose context has no earlier end.
const callTimeout = 30 * time.Second

// pageSize is the longest page of Stripe's lists.
const pageSize = 100

// CodeUnknownMethod is the decline code of a method that is none, or whose owner
// did not save it.
const CodeUnknownMethod = "unknown_payment_method"

// Options of the provider.
type Options struct {
	Key       string // secret key of the account
	Secret    []byte // signs the webhooks; empty: none is believed
	URL       string // of the API; empty: Stripe's
	ReturnURL string // where a driver comes back to from the second step, before the reservation's id
	Transport http.RoundTripper
	Now       func() time.Time
}

// Provider is one account at Stripe.
type Provider struct {
	api       *stripe.Client
	secret    []byte
	returnURL string
	now       func() time.Time
}

var (
	_ payment.Provider    = (*Provider)(nil)
	_ payment.Incrementer = (*Provider)(nil)
	_ payment.Refunder    = (*Provider)(nil)
	_ payment.Saver       = (*Provider)(nil)
	_ payment.Lister      = (*Provider)(nil)
	_ payment.Payer       = (*Provider)(nil)
	_ payment.Announcer   = (*Provider)(nil)
)

// New makes a provider. Nothing is asked yet.
func New(o Options) *Provider {
	backend := &stripe.BackendConfig{
		HTTPClient:        &http.Client{Transport: o.Transport, Timeout: callTimeout},
		MaxNetworkRetries: new(int64(0)), // whoever calls decides, and resolves what is unknown
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull},
		EnableTelemetry:   new(false),
	}
	if o.URL != "" {
		backend.URL = stripe.String(strings.TrimSuffix(o.URL, "/"))
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Provider{
		api:    stripe.NewClient(o.Key, stripe.WithBackends(stripe.NewBackendsWithConfig(backend))),
		secret: o.Secret, returnURL: o.ReturnURL, now: o.Now,
	}
}

// Name implements payment.Provider.
func (p *Provider) Name() string { return Name }

// Capabilities implements payment.Provider.
func (p *Provider) Capabilities() payment.Capabilities {
	return payment.Capabilities{
		Secures: true, SecondFactor: true, Increment: true, Refund: true, SaveMethod: true, List: true, Pays: true,
		HoldLife: holdLife,
	}
}

// Names in the metadata of what is made at Stripe.
const (
	metaKey         = "openlot_key"
	metaParking     = "openlot_parking"
	metaReservation = "openlot_reservation"
	metaAsked       = "openlot_asked"    // kind, amount and method, so that a key's other use is seen
	metaOwner       = "openlot_owner"    // of a customer: who owns the method that is paid with
	metaRaised      = "openlot_raised"   // the key that a hold was last raised with
	metaCaptured    = "openlot_captured" // the key that a hold was captured with
)

// The kinds of what is placed.
const (
	kindHold = "hold"
	kindSave = "save"
)

func asked(kind string, amount money.Amount, method string) string {
	sum := sha256.Sum256([]byte(method))
	return fmt.Sprintf("%s %s %s", kind, amount, hex.EncodeToString(sum[:8]))
}

// address is the e-mail address of the customer of a key's payment.
func address(key string) string {
	sum := sha256.Sum256([]byte(key))
	name := hex.EncodeToString(sum[:16])
	if p, _, ours := payment.Called(key); ours {
		name = strings.ToLower(p.String())
	}
	return name + "@payments.openlot.invalid"
}

// aged reports whether Stripe may have forgotten a key.
func (p *Provider) aged(key string) bool {
	i, _, ours := payment.Called(key)
	return !ours || p.now().Sub(i.Time()) > keyLife
}

// Authorize implements payment.Provider.
func (p *Provider) Authorize(ctx context.Context, r payment.Request) (payment.Outcome, error) {
	if _, err := money.ParseCurrency(string(r.Amount.Currency)); err != nil || r.Key == "" || r.Amount.Minor <= 0 {
		return payment.Outcome{}, fmt.Errorf("%w: a hold of %s under key %q", payment.ErrRefused, r.Amount, r.Key)
	}
	want := asked(kindHold, r.Amount, r.Method)
	if p.aged(r.Key) {
		if o, err := p.before(ctx, r.Key, want); !errors.Is(err, payment.ErrNotFound) {
			return o, err
		}
	}
	unknown := payment.Outcome{State: payment.Declined, DeclineCode: CodeUnknownMethod}
	customer, kept, err := p.payer(ctx, r.Key, r.Method)
	switch {
	case errors.Is(err, errNoMethod):
		return unknown, nil
	case err != nil:
		return payment.Outcome{}, err
	}
	params := &stripe.PaymentIntentCreateParams{
		Amount: new(r.Amount.Minor), Currency: currency(r.Amount), Confirm: new(true),
		PaymentMethod: stripe.String(r.Method), PaymentMethodTypes: []*string{stripe.String("card")},
		Customer: stripe.String(customer), Expand: charged(), CaptureMethod: stripe.String("manual"),
		PaymentMethodOptions: &stripe.PaymentIntentCreatePaymentMethodOptionsParams{
			Card: &stripe.PaymentIntentCreatePaymentMethodOptionsCardParams{RequestIncrementalAuthorization: stripe.String("if_available")},
		},
		Metadata: map[string]string{
			metaKey: r.Key, metaParking: string(r.Parking), metaReservation: r.Reservation.String(), metaAsked: want,
		},
	}
	if kept && !r.Present { // nobody is there
		params.OffSession = new(true)
	} else {
		params.ReturnURL = p.back(r.Reservation)
	}
	if !kept && !r.Once {
		// A method that is used once cannot be used again unless it is kept, and a
		// longer stay, or one that is held anew, needs it.
		params.SetupFutureUsage = stripe.String("off_session")
	}
	params.SetIdempotencyKey(r.Key)
	pi, err := locked(ctx, func() (*stripe.PaymentIntent, error) { return p.api.V1PaymentIntents.Create(ctx, params) })
	switch e := declined(err); {
	case err == nil:
		return p.answer(ctx, pi, pi.LastResponse)
	case e != nil && e.PaymentIntent != nil:
		return p.answer(ctx, e.PaymentIntent, e.LastResponse)
	case noSuchMethod(err):
		return unknown, nil
	case usedOtherwise(err):
		// The first call may have given its card to a customer, and with an owner the
		// same call reads differently.
		return p.before(ctx, r.Key, want)
	default:
		return payment.Outcome{}, failed(ctx, err)
	}
}

// before is what came of a hold that was asked for under a key.
func (p *Provider) before(ctx context.Context, key, want string) (payment.Outcome, error) {
	pi, err := p.intent(ctx, key)
	switch {
	case err != nil:
		return payment.Outcome{}, err
	case pi.Metadata[metaAsked] != want:
		return payment.Outcome{}, fmt.Errorf("%w: key %s was used for something else", payment.ErrRefused, key)
	default:
		return outcome(pi)
	}
}

// errNoMethod says that there is no such method.
var errNoMethod = errors.New("no such method of payment")

// payer is the customer who pays with a method: its owner, if it is kept by one,
// else the customer of the key's payment, who is made in either case. Making one
// twice does no harm: all of them are read.
func (p *Provider) payer(ctx context.Context, key, method string) (customer string, kept bool, err error) {
	if method == "" {
		return "", false, errNoMethod
	}
	at, owner := address(key), ""
	params := &stripe.CustomerCreateParams{Email: stripe.String(at)}
	m, err := p.api.V1PaymentMethods.Retrieve(ctx, method, nil)
	if err != nil {
		if err = failed(ctx, err); errors.Is(err, payment.ErrNotFound) {
			err = errNoMethod
		}
		return "", false, err
	}
	if m.Customer != nil {
		owner = m.Customer.ID
		params.Metadata = map[string]string{metaOwner: owner}
	}
	params.SetIdempotencyKey("customer-" + at + "-" + owner)
	c, err := locked(ctx, func() (*stripe.Customer, error) { return p.api.V1Customers.Create(ctx, params) })
	switch {
	case err != nil:
		return "", false, failed(ctx, err)
	case owner != "":
		return owner, true, nil
	default:
		return c.ID, false, nil
	}
}

// customers are those who may have paid under a key.
func (p *Provider) customers(ctx context.Context, key string) ([]string, error) {
	params := &stripe.CustomerListParams{Email: stripe.String(address(key))}
	params.Limit = new(int64(pageSize))
	var found []string
	for c, err := range p.api.V1Customers.List(ctx, params).All(ctx) {
		if err != nil {
			return nil, failed(ctx, err)
		}
		for _, id := range []string{c.Metadata[metaOwner], c.ID} {
			if id != "" && !slices.Contains(found, id) {
				found = append(found, id)
			}
		}
	}
	return found, nil
}

// intent is the hold that was placed under a key.
func (p *Provider) intent(ctx context.Context, key string) (*stripe.PaymentIntent, error) {
	customers, err := p.customers(ctx, key)
	if err != nil {
		return nil, err
	}
	for _, c := range customers {
		params := &stripe.PaymentIntentListParams{Customer: stripe.String(c)}
		params.Limit = new(int64(pageSize))
		params.AddExpand("data.latest_charge")
		for pi, err := range p.api.V1PaymentIntents.List(ctx, params).All(ctx) {
			if err != nil {
				return nil, failed(ctx, err)
			}
			if pi.Metadata[metaKey] == key {
				return pi, nil
			}
		}
	}
	return nil, payment.ErrNotFound
}

// Find implements payment.Provider.
func (p *Provider) Find(ctx context.Context, key string) (payment.Outcome, error) {
	pi, err := p.intent(ctx, key)
	if err != nil {
		return payment.Outcome{}, err
	}
	return outcome(pi)
}

// Confirm implements payment.Provider.
func (p *Provider) Confirm(ctx context.Context, ref, _ string) (payment.Outcome, error) {
	pi, err := p.retrieve(ctx, ref)
	if err != nil {
		return payment.Outcome{}, err
	}
	return outcome(pi)
}

func (p *Provider) retrieve(ctx context.Context, ref string) (*stripe.PaymentIntent, error) {
	if ref == "" {
		return nil, payment.ErrNotFound
	}
	pi, err := p.api.V1PaymentIntents.Retrieve(ctx, ref, &stripe.PaymentIntentRetrieveParams{Expand: charged()})
	if err != nil {
		return nil, failed(ctx, err)
	}
	return pi, nil
}

// answer is what a call's answer says; a repeated one tells of the past, and what
// is true now is asked.
func (p *Provider) answer(ctx context.Context, pi *stripe.PaymentIntent, r *stripe.APIResponse) (payment.Outcome, error) {
	if replayed(r) {
		return p.Confirm(ctx, pi.ID, "")
	}
	return outcome(pi)
}

// mine reads a hold that is to be changed and checks what Stripe's calls do not
// say: the currency.
func (p *Provider) mine(ctx context.Context, call, ref string, amount money.Amount) (*stripe.PaymentIntent, error) {
	pi, err := p.retrieve(ctx, ref)
	switch {
	case err != nil:
		return nil, err
	case amount.Minor <= 0 || amount.Currency != currencyOf(pi.Currency):
		return nil, fmt.Errorf("%w: %s of %s: it is in %s", payment.ErrRefused, call, amount, pi.Currency)
	default:
		return pi, nil
	}
}

// Capture implements payment.Provider.
func (p *Provider) Capture(ctx context.Context, ref string, amount money.Amount, key string) (payment.Outcome, error) {
	pi, err := p.mine(ctx, "capture", ref, amount)
	if err != nil {
		return payment.Outcome{}, err
	}
	if pi.Metadata[metaCaptured] == key && pi.Status == stripe.PaymentIntentStatusSucceeded && pi.AmountReceived == amount.Minor {
		return outcome(pi)
	}
	params := &stripe.PaymentIntentCaptureParams{
		AmountToCapture: new(amount.Minor), Metadata: map[string]string{metaCaptured: key}, Expand: charged(),
	}
	params.SetIdempotencyKey(key)
	pi, err = locked(ctx, func() (*stripe.PaymentIntent, error) { return p.api.V1PaymentIntents.Capture(ctx, ref, params) })
	if err != nil {
		return payment.Outcome{}, failed(ctx, err)
	}
	return p.answer(ctx, pi, pi.LastResponse)
}

// Void implements payment.Provider. A hold that was given back already, or has
// lapsed, is given back.
func (p *Provider) Void(ctx context.Context, ref, key string) (payment.Outcome, error) {
	pi, err := p.retrieve(ctx, ref)
	if err != nil {
		return payment.Outcome{}, err
	}
	if pi.Status == stripe.PaymentIntentStatusCanceled {
		return outcome(pi)
	}
	params := &stripe.PaymentIntentCancelParams{Expand: charged()}
	params.SetIdempotencyKey(key)
	pi, err = locked(ctx, func() (*stripe.PaymentIntent, error) { return p.api.V1PaymentIntents.Cancel(ctx, ref, params) })
	if err != nil {
		return payment.Outcome{}, failed(ctx, err)
	}
	return p.answer(ctx, pi, pi.LastResponse)
}

// Increment implements payment.Incrementer.
func (p *Provider) Increment(ctx context.Context, ref string, to money.Amount, key string) (payment.Outcome, error) {
	pi, err := p.mine(ctx, "increment", ref, to)
	if err != nil {
		return payment.Outcome{}, err
	}
	if pi.Metadata[metaRaised] == key && pi.Status == stripe.PaymentIntentStatusRequiresCapture && pi.Amount == to.Minor {
		return outcome(pi)
	}
	params := &stripe.PaymentIntentIncrementAuthorizationParams{
		Amount: new(to.Minor), Metadata: map[string]string{metaRaised: key}, Expand: charged(),
	}
	params.SetIdempotencyKey(key)
	pi, err = locked(ctx, func() (*stripe.PaymentIntent, error) {
		return p.api.V1PaymentIntents.IncrementAuthorization(ctx, ref, params)
	})
	switch e := declined(err); {
	case err == nil:
		return p.answer(ctx, pi, pi.LastResponse)
	case e != nil:
		o, err := p.Confirm(ctx, ref, key)
		o.DeclineCode = code(e)
		return o, err
	default:
		return payment.Outcome{}, failed(ctx, err)
	}
}
