package cash_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/payment/cash"
	"github.com/openlot/openlot/cloud/internal/payment/paymenttest"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
)

func TestCashIsAProvider(t *testing.T) {
	db, _ := postgrestest.New(t)
	paymenttest.Suite(t, func(*testing.T) paymenttest.Harness {
		return paymenttest.Harness{Provider: cash.New(postgres.NewCash(db), time.Now), OK: cash.Method}
	})
}
