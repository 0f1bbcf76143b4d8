package main

import (
	"math"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/httpapi"
	"github.com/openlot/openlot/protocol/fault"
)

func TestAPaceIsNoneOrMakesSense(t *testing.T) {
	for often, want := range map[float64]httpapi.Pace{
		0: {}, 1: {PerSecond: 1, Burst: 5}, 2.5: {PerSecond: 2.5, Burst: 13}, 1_000_000: {PerSecond: 1_000_000, Burst: 5_000_000},
	} {
		if got, err := pace("--caller-rate", often, time.Second, 5); err != nil || got != want {
			t.Errorf("%v: %+v, %v", often, got, err)
		}
	}
	if got, err := pace("--caller-unsecured", 30, time.Hour, 1); err != nil || got != (httpapi.Pace{PerSecond: 30.0 / 3600, Burst: 30}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, often := range []float64{-1, 0.5, 1_000_001, math.NaN(), math.Inf(1), math.Inf(-1)} {
		if _, err := pace("--caller-rate", often, time.Second, 5); fault.Code(err) != "pace_invalid" {
			t.Errorf("%v: %v", often, err)
		}
	}
}
