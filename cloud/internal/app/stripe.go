package app

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/openlot/openlot/cloud/internal/httpapi"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/payment/stripe"
	"github.com/openlot/openlot/cloud/internal/web"
	"github.com/openlot/openlot/protocol/fault"
)

// Stripe is an account at Stripe; the zero value is none. With one, what is not
// paid at the machine is paid through it, and the sandbox keeps what it holds.
type Stripe struct {
	Key         string // secret key of the account
	Publishable string // that its script in a browser is opened with; empty: the portal takes no cards
	Secret      []byte // of its webhooks; empty: none is believed
	URL         string // of the API; empty: Stripe's
}

// CodeStripe is the fault code of an account that cannot be used.
const CodeStripe = "stripe_unusable"

func (s Stripe) check() error {
	if s.Key == "" && (len(s.Secret) > 0 || s.URL != "" || s.Publishable != "") {
		return fault.New(fault.Invalid, CodeStripe, "Stripe is configured without a key. Name the file that it is in with --stripe-key-file.")
	}
	if s.Publishable != "" && !strings.HasPrefix(s.Publishable, "pk_") {
		// Whatever is given here is shown to everybody: a secret key must not be.
		return fault.New(fault.Invalid, CodeStripe, "A publishable key of Stripe begins with pk_. Correct --stripe-publishable-key.")
	}
	if s.URL == "" {
		return nil
	}
	if u, err := url.Parse(s.URL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return fault.New(fault.Invalid, CodeStripe, "The address of Stripe's API must be like https://api.stripe.com. Correct --stripe-url.")
	}
	return nil
}

// provider is the account; nil when there is none. Drivers come back from their
// bank to the page of their reservation.
func (s Stripe) provider(publicURL string, t http.RoundTripper) *stripe.Provider {
	if s.Key == "" {
		return nil
	}
	return stripe.New(stripe.Options{Key: s.Key, Secret: s.Secret, URL: s.URL, ReturnURL: publicURL + "/#/r/", Transport: t})
}

// fields are whose fields the page shows for a card.
func (s Stripe) fields() httpapi.Cards {
	if s.Key == "" {
		return httpapi.Cards{Provider: sandbox.Name}
	}
	return httpapi.Cards{Provider: stripe.Name, PublishableKey: s.Publishable}
}

// scripts are the origins that the page may load from beside its own.
func (s Stripe) scripts() web.Outside {
	if s.Key == "" || s.Publishable == "" {
		return web.Outside{}
	}
	return web.Outside{Scripts: []string{"https://js.stripe.com"}, Frames: []string{"https://js.stripe.com", "https://hooks.stripe.com"}, Calls: []string{"https://api.stripe.com"}}
}

// openStripe opens the account, if there is one. Its connections end with the
// process.
func (c *cloud) openStripe(l *lifecycle) error {
	if err := c.cfg.Stripe.check(); err != nil {
		return err
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	l.onStop("connections to Stripe", func() error { t.CloseIdleConnections(); return nil })
	c.stripe = c.cfg.Stripe.provider(c.cfg.PublicURL, t)
	return nil
}

// cards is who holds what is paid by card from now on.
func (c *cloud) cards() payment.Provider {
	if c.stripe != nil {
		return c.stripe
	}
	return c.sandbox
}

// others take some methods by their names, or settle what they hold.
func (c *cloud) others() payment.Providers {
	if c.stripe != nil {
		return payment.Providers{c.cash, c.sandbox}
	}
	return payment.Providers{c.cash}
}

// bookkeepers are the providers whose books can be compared with ours.
func (c *cloud) bookkeepers() []payment.Provider {
	if c.stripe != nil {
		return []payment.Provider{c.sandbox, c.stripe}
	}
	return []payment.Provider{c.sandbox}
}

// announcers are the providers whose webhooks are believed.
func (c *cloud) announcers() map[string]payment.Announcer {
	heard := map[string]payment.Announcer{sandbox.Name: c.sandbox}
	switch {
	case c.stripe == nil:
	case len(c.cfg.Stripe.Secret) == 0:
		c.log.Warn("Stripe's webhooks are not taken: the secret that they are signed with is not configured")
	default:
		heard[stripe.Name] = c.stripe
	}
	return heard
}
