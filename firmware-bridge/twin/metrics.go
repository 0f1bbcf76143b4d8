package twin

import (
	"maps"
	"math"
	"net/http"
	"slices"
)

// bounds are the upper ends of the histogram's buckets in microseconds.
var bounds = [...]int64{250, 500, 1000, 2000, 3000, 5000, 7500, 10_000, 15_000, 20_000, 50_000, 100_000, 500_000, math.MaxInt64}

// Metrics is what the twin measured since it started.
type Metrics struct {
	CredentialToOpen Distribution            `json:"credential_to_open"`
	ButtonToOpen     Distribution            `json:"button_to_open"`
	Gates            map[string]Distribution `json:"gates"` // credential-to-open of each
	Outcomes         map[Outcome]int         `json:"outcomes"`
}

// Distribution describes durations in microseconds: exact percentiles (nearest
// rank) of the latest 131,072 of both kinds together.
type Distribution struct {
	Count   int      `json:"count"`
	P50     int64    `json:"p50_us"`
	P90     int64    `json:"p90_us"`
	P99     int64    `json:"p99_us"`
	P999    int64    `json:"p999_us"`
	Max     int64    `json:"max_us"`
	Buckets []Bucket `json:"buckets"`
}

// Bucket counts the durations up to its end that are in no bucket before it.
type Bucket struct {
	UpTo  int64 `json:"le_us"` // the last one has no end: 0
	Count int   `json:"count"`
}

func distribution(us []int64) Distribution {
	d := Distribution{Count: len(us), Buckets: []Bucket{}}
	if len(us) == 0 {
		return d
	}
	slices.Sort(us)
	rank := func(p float64) int64 { return us[max(0, int(math.Ceil(p*float64(len(us))))-1)] }
	d.P50, d.P90, d.P99, d.P999, d.Max = rank(.5), rank(.9), rank(.99), rank(.999), us[len(us)-1]
	i := 0
	for _, b := range bounds {
		from := i
		for i < len(us) && us[i] <= b {
			i++
		}
		if b == math.MaxInt64 {
			b = 0
		}
		d.Buckets = append(d.Buckets, Bucket{UpTo: b, Count: i - from})
	}
	return d
}

func (t *Twin) getMetrics(w http.ResponseWriter, r *http.Request) error {
	var samples []sample
	m := Metrics{Gates: make(map[string]Distribution), Outcomes: make(map[Outcome]int)}
	if err := t.do(r.Context(), func() {
		samples = slices.Clone(t.vehicles.samples)
		maps.Copy(m.Outcomes, t.vehicles.outcomes)
	}); err != nil {
		return err
	}
	var credential, button []int64
	perGate := make([][]int64, len(t.gates))
	for _, s := range samples {
		if s.button {
			button = append(button, s.us)
			continue
		}
		credential = append(credential, s.us)
		perGate[s.gate] = append(perGate[s.gate], s.us)
	}
	m.CredentialToOpen, m.ButtonToOpen = distribution(credential), distribution(button)
	for i, us := range perGate {
		m.Gates[t.gates[i].Name] = distribution(us)
	}
	return reply(w, http.StatusOK, m)
}
