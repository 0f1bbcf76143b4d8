// Command bench-places measures how long it takes to find places by what is typed among
// 200,000: `make bench-places`.
//
// The reference, in the same run and for the same questions, looks at every name: it takes it
// apart once before the clock runs and compares each word with what was typed, letter by letter
// from the front, without slips. It does less than the index, which also finds what is misspelt.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/places"
)

const (
	howMany      = 200_000
	rounds       = 5
	eachRound    = 2_000 // questions to the index: 10,000 in all
	eachRoundRef = 100   // to the reference
)

// result is the last line.
type result struct {
	VsReference  float64 `json:"reference_over_index"`
	Places       int     `json:"places"`
	Samples      int     `json:"samples"`
	MadeIn       float64 `json:"made_in_ms"`
	P50          float64 `json:"p50_us"`
	P99          float64 `json:"p99_us"`
	Max          float64 `json:"max_us"`
	ReferenceP50 float64 `json:"reference_p50_us"`
}

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench-places:", err)
		os.Exit(1)
	}
}

func run(out io.Writer) error {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same for every run
	all := country(r, howMany)
	began := time.Now()
	x := places.New(all)
	made := time.Since(began)
	ref := newReference(all)
	var took, slow []time.Duration
	var ratios []float64
	for range rounds {
		mine, other := ask(r, all, eachRound, func(q string) int { return len(x.Find(places.Query{Text: q, Limit: 8})) }),
			ask(r, all, eachRoundRef, ref.find)
		took, slow = append(took, mine...), append(slow, other...)
		ratios = append(ratios, float64(middle(other))/float64(middle(mine)))
	}
	slices.Sort(took)
	slices.Sort(ratios)
	us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
	if _, err := fmt.Fprintf(out, "%d places, %d questions in %d rounds beside a look at every name: beginnings of three letters and more, whole names, names with a slip\n", howMany, len(took), rounds); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(result{
		Places: howMany, Samples: len(took), MadeIn: float64(made.Milliseconds()), P50: us(middle(took)), P99: us(took[len(took)*99/100]), Max: us(took[len(took)-1]),
		ReferenceP50: us(middle(slow)), VsReference: ratios[len(ratios)/2],
	})
}

func middle(of []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}

func ask(r *rand.Rand, all []places.Place, n int, find func(string) int) []time.Duration {
	out := make([]time.Duration, n)
	for i := range out {
		name := []rune(strings.ToLower(all[r.IntN(len(all))].Name))
		switch i % 3 {
		case 0:
			name = name[:min(len(name), 3+r.IntN(6))]
		case 1:
			at := r.IntN(len(name))
			name[at] = rune('a' + r.IntN(26))
		}
		began := time.Now()
		find(string(name))
		out[i] = time.Since(began)
	}
	return out
}

// country makes up places.
func country(r *rand.Rand, n int) []places.Place {
	syllables := strings.Fields("ach al bach berg born brun dorf eich elm fels fern gar gers hag heim hof horn ing kal kirch lau lin loh mar men mos neu ober ost pen rad rod sand see stein tal trau um un wald wei wies win zell")
	ends := []string{"", "hausen", "stadt", "ingen", "straße", " Straße", " Platz", "weg", "burg"}
	kinds := []places.Kind{places.Town, places.Street, places.Street, places.District, places.Landmark}
	out := make([]places.Place, n)
	for i := range out {
		var name strings.Builder
		for range 2 + r.IntN(3) {
			name.WriteString(syllables[r.IntN(len(syllables))])
		}
		name.WriteString(ends[r.IntN(len(ends))])
		out[i] = places.Place{Kind: kinds[r.IntN(len(kinds))], Name: name.String(), Context: "Town " + syllables[r.IntN(len(syllables))], At: places.Point{Lat: 47 + 8*r.Float64(), Lon: 6 + 9*r.Float64()}, People: r.IntN(10_000)}
	}
	return out
}

// reference has the words of every name.
type reference struct{ words [][]string }

func newReference(all []places.Place) reference {
	x := reference{make([][]string, len(all))}
	for i := range all {
		x.words[i] = strings.Fields(strings.ToLower(all[i].Name))
	}
	return x
}

func (x reference) find(text string) int {
	asked, found := strings.Fields(text), 0
	for _, words := range x.words {
		all := true
		for _, q := range asked {
			all = all && slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, q) })
		}
		if all {
			found++
		}
	}
	return found
}
