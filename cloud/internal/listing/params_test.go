package listing

import (
	"net/url"
	"slices"
	"testing"
)

// Queries are read as url.ParseQuery reads them, whatever somebody sends.
func FuzzParams(f *testing.F) {
	for _, s := range []string{
		"", "near=51.05,13.74&radius=500", "q=alt+markt%20x&q=2", "a;b=1", "&&=&a", "from=2026-05-01T08:00:00%2B02:00", "a=%zz", "%=1", "a=b=c", "?a=1", "a", "ü=%C3%BC", "a=1;",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		want, refused := url.ParseQuery(raw)
		got, err := parseParams(nil, raw)
		if (err != nil) != (refused != nil) {
			t.Fatalf("%q: %v, and %v", raw, err, refused)
		}
		if err != nil {
			return
		}
		values := url.Values{}
		for _, p := range got {
			values.Add(p.name, p.value)
		}
		if len(values) != len(want) {
			t.Fatalf("%q: %v, and %v", raw, values, want)
		}
		for name, all := range want {
			if !slices.Equal(values[name], all) {
				t.Fatalf("%q: %v, and %v", raw, values, want)
			}
			one, err := got.one(name)
			if (err != nil) != (len(all) > 1) || err == nil && one != all[0] {
				t.Fatalf("%q: one %s is %q: %v", raw, name, one, err)
			}
		}
		if v, err := got.one("nobody gave this"); want["nobody gave this"] == nil && (v != "" || err != nil) {
			t.Fatal(v, err)
		}
	})
}
