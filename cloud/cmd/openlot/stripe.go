package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/openlot/openlot/cloud/internal/app"
	"github.com/openlot/openlot/protocol/fault"
)

// stripeFlags name an account at Stripe. Secrets are in files: what is on the
// command line or in the environment is seen by others too easily.
type stripeFlags struct {
	StripeKeyFile           string `help:"File with the secret key of an account at Stripe: cards are paid through it. Default: the sandbox." env:"OPENLOT_STRIPE_KEY_FILE" placeholder:"FILE"`
	StripeWebhookSecretFile string `help:"File with the signing secret of the account's webhooks to /webhooks/stripe." env:"OPENLOT_STRIPE_WEBHOOK_SECRET_FILE" placeholder:"FILE"`
	StripePublishableKey    string `help:"Publishable key of the account: the portal takes cards in Stripe's fields with it." env:"OPENLOT_STRIPE_PUBLISHABLE_KEY" placeholder:"KEY"`
	StripeURL               string `help:"Where Stripe's API is. Default: https://api.stripe.com." env:"OPENLOT_STRIPE_URL" placeholder:"URL"`
}

func (f stripeFlags) stripe() (app.Stripe, error) {
	key, err := secretIn(f.StripeKeyFile, "--stripe-key-file")
	if err != nil {
		return app.Stripe{}, err
	}
	hooks, err := secretIn(f.StripeWebhookSecretFile, "--stripe-webhook-secret-file")
	return app.Stripe{Key: key, Publishable: f.StripePublishableKey, Secret: []byte(hooks), URL: f.StripeURL}, err
}

// secretIn reads a file that holds one word.
func secretIn(file, flag string) (string, error) {
	if file == "" {
		return "", nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fault.Wrap(err, fault.Invalid, app.CodeStripe, fmt.Sprintf("The file that %s names cannot be read.", flag))
	}
	words := strings.Fields(string(b))
	if len(words) != 1 {
		return "", fault.Newf(fault.Invalid, app.CodeStripe, "The file that %s names must hold one word, the secret.", flag)
	}
	return words[0], nil
}
