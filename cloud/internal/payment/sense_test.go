package payment_test

import (
	"errors"
	"testing"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/money"
)

func TestAnswersThatCannotBeTrue(t *testing.T) {
	asked := money.New(1000, "EUR")
	eur := func(minor int64) money.Amount { return money.New(minor, "EUR") }
	for name, o := range map[string]payment.Outcome{
		"more is held":              {Ref: "h", State: payment.Authorized, Authorized: eur(1001)},
		"held in another currency":  {Ref: "h", State: payment.Authorized, Authorized: money.New(1000, "CHF")},
		"a negative hold":           {Ref: "h", State: payment.Authorized, Authorized: eur(-1)},
		"a hold without a name":     {State: payment.Authorized, Authorized: asked},
		"a second step, no name":    {State: payment.RequiresAction},
		"more is taken":             {Ref: "h", State: payment.Captured, Authorized: asked, Captured: eur(1001)},
		"more is taken than held":   {Ref: "h", State: payment.Captured, Authorized: eur(500), Captured: eur(501)},
		"nothing is taken":          {Ref: "h", State: payment.Captured, Authorized: asked},
		"taken from a hold":         {Ref: "h", State: payment.Authorized, Authorized: asked, Captured: eur(1)},
		"taken from what was given": {Ref: "h", State: payment.Voided, Authorized: asked, Captured: eur(1)},
		"a negative capture":        {Ref: "h", State: payment.Captured, Authorized: asked, Captured: eur(-5)},
		"a state of ours":           {Ref: "h", State: payment.CaptureRequested},
		"no state":                  {Ref: "h"},
		"an unknown state":          {Ref: "h", State: "processing"},
	} {
		if err := o.Sense(asked); !errors.Is(err, payment.ErrNonsense) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, o := range map[string]payment.Outcome{
		"held":                  {Ref: "h", State: payment.Authorized, Authorized: asked},
		"nothing held for free": {Ref: "h", State: payment.Authorized},
		"second step":           {Ref: "h", State: payment.RequiresAction, NextAction: "https://bank.example"},
		"declined":              {State: payment.Declined, DeclineCode: "card_declined"},
		"part taken":            {Ref: "h", State: payment.Captured, Authorized: asked, Captured: eur(1)},
		"given back":            {Ref: "h", State: payment.Voided, Authorized: asked},
	} {
		if err := o.Sense(asked); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
