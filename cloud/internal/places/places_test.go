package places

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"
)

func names(found []Found) []string {
	var out []string
	for _, f := range found {
		out = append(out, string(f.Kind)+" "+f.Name)
	}
	return out
}

func dresden() []Parking {
	at := func(lat, lon float64) Point { return Point{lat, lon} }
	return []Parking{
		{"dresden-altmarkt", "Altmarkt", "Wilsdruffer Straße", "Dresden", at(51.0503, 13.7375)},
		{"dresden-mitte", "Parkhaus Mitte", "Magdeburger Str. 1", "Dresden", at(51.0579, 13.7260)},
		{"dresden-frauenkirche", "Frauenkirche / Neumarkt", "Landhausstraße 2, 01067 Dresden", "Dresden", at(51.0508, 13.7417)},
		{"dresden-wiener-platz", "Wiener Platz / Hauptbahnhof", "Wiener Platz", "Dresden", at(51.0418, 13.7324)},
		{"dresden-pragerstr", "Centrum", "Prager Straße 15 a, DE-01069 Dresden", "", at(51.0450, 13.7360)},
		{"muenster-stadthaus", "PH Stadthaus 3", "", "Münster", at(51.9494, 7.6410)},
		{"aachen-uniklinik", "Parkplatz Uniklinik", "Pauwelsstraße / Kullenhofstraße", "Aachen", at(50.7748, 6.0452)},
		{"freiburg-martinstor", "Martinstor", "P18", "Freiburg", at(47.9930, 7.8490)},
	}
}

// What people type finds what they mean first.
func TestWhatIsTypedFindsWhatIsMeant(t *testing.T) {
	t.Parallel()
	x := New(FromParkings(dresden()))
	for typed, want := range map[string]string{
		"dresden": "town Dresden", "Dres": "town Dresden", "DRESDEN": "town Dresden", "dresdn": "town Dresden", "drseden": "town Dresden", "desden": "town Dresden",
		"münster": "town Münster", "muenster": "town Münster", "munster": "town Münster", "mün": "town Münster", "muen": "town Münster",
		"prager straße": "street Prager Straße", "prager str": "street Prager Straße", "prager str.": "street Prager Straße", "pragerstrasse": "street Prager Straße",
		"prager strase": "street Prager Straße", "prager strasse 12": "street Prager Straße", "pragr str dresden": "street Prager Straße",
		"magdeburger straße": "street Magdeburger Str.", "kullenhof": "street Kullenhofstraße", "kullenhof strasse": "street Kullenhofstraße",
		"01067": "postcode 01067", "010": "postcode 01067", "01069": "postcode 01069", "01067 dresden": "postcode 01067",
		"frauenkirche": "parking Frauenkirche / Neumarkt", "frauenkirche dresden": "parking Frauenkirche / Neumarkt", "frauenkrche": "parking Frauenkirche / Neumarkt", "fruaenkriche": "parking Frauenkirche / Neumarkt",
		"hauptbahnhof": "parking Wiener Platz / Hauptbahnhof", "hbf dresden": "parking Wiener Platz / Hauptbahnhof", "martinstor": "parking Martinstor",
	} {
		if got := names(x.Find(Query{Text: typed, Limit: 3})); len(got) == 0 || got[0] != want {
			t.Errorf("%q finds %q, not %s first", typed, got, want)
		}
	}
	for _, typed := range []string{"", " ", "a", "?!", "01068", "0106x", "zzz", "p18 berlin", "dresden berlin", "bon", "drs", "dresdennnn", strings.Repeat("x", 200), "\x00", "🅿️"} {
		if got := x.Find(Query{Text: typed, Limit: 3}); len(got) > 0 {
			t.Errorf("%q finds %q", typed, names(got))
		}
	}
	f := x.Find(Query{Text: "dresden", Limit: 1})[0]
	if f.Bounds == nil || f.Bounds.West != 13.7260 || f.Bounds.North != 51.0579 || f.At.km(Point{51.049, 13.7347}) > 0.5 {
		t.Errorf("Dresden is at %v, %v", f.At, f.Bounds)
	}
	if f := x.Find(Query{Text: "centrum", Limit: 1})[0]; f.Context != "Dresden" || f.Parking != "dresden-pragerstr" {
		t.Errorf("a parking whose address names the town: %+v", f)
	}
}

func TestOfEqualsTheNearerAndTheLargerComeFirst(t *testing.T) {
	t.Parallel()
	x := New([]Place{
		{Kind: Town, Name: "Neustadt", Context: "Hesse", At: Point{50.85, 9.11}, People: 9_000},
		{Kind: Town, Name: "Neustadt", Context: "Saxony", At: Point{51.02, 14.21}, People: 12_000},
		{Kind: Town, Name: "Neustadt an der Weinstraße", At: Point{49.35, 8.14}, People: 53_000},
	})
	if got := x.Find(Query{Text: "neustadt", Limit: 3}); got[0].Context != "Saxony" || got[2].Name != "Neustadt an der Weinstraße" {
		t.Errorf("the larger one: %+v", got)
	}
	if got := x.Find(Query{Text: "neustadt", Limit: 3, Near: &Point{50.8, 9}}); got[0].Context != "Hesse" {
		t.Errorf("the nearer one: %+v", got)
	}
}

// town makes places of made-up names, the same ones every time.
func country200(n int) []Place {
	r := rand.New(rand.NewPCG(7, uint64(n)))
	first := []string{"Ober", "Unter", "Neu", "Alt", "Groß", "Klein", "Bad ", "Sankt ", "Hohen", "Nieder", "Schön", "Königs", "Wald", "Mühl", "Grün", "Weiß"}
	mid := []string{"bach", "berg", "stein", "feld", "hof", "brück", "wies", "lind", "eich", "rod", "mann", "werd", "ling", "markt", "born", "moor", "sieg", "wolf", "fried", "heid"}
	last := []string{"en", "heim", "hausen", "burg", "dorf", "stadt", "ingen", "tal", "au", "see", "furt", "leben", "ow", "itz", "kirchen", "straße", " Straße", " Platz", "weg", "gasse"}
	out := make([]Place, n)
	for i := range out {
		name := first[r.IntN(len(first))] + mid[r.IntN(len(mid))]
		if r.IntN(2) == 0 {
			name += mid[r.IntN(len(mid))]
		}
		name += last[r.IntN(len(last))]
		runes := []rune(name)
		runes[0] = unicode.ToUpper(runes[0])
		out[i] = Place{Kind: Town, Name: string(runes), Context: "Region", At: Point{47 + 8*r.Float64(), 6 + 9*r.Float64()}, People: 1 << r.IntN(16)}
	}
	return out
}

// slip makes one slip in a text.
func slip(r *rand.Rand, text string) string {
	letters := []rune(text)
	for {
		i := r.IntN(len(letters))
		if !unicode.IsLetter(letters[i]) || word(letters, i) < 4 {
			continue
		}
		other := rune('a' + r.IntN(26))
		switch r.IntN(4) {
		case 0:
			if word(letters, i) > 4 {
				return string(slices.Delete(letters, i, i+1))
			}
		case 1:
			return string(slices.Insert(letters, i, other))
		case 2:
			letters[i] = other
			return string(letters)
		case 3:
			if i+1 < len(letters) && unicode.IsLetter(letters[i+1]) {
				letters[i], letters[i+1] = letters[i+1], letters[i]
				return string(letters)
			}
		}
	}
}

// word is how long the word is in which a letter stands.
func word(letters []rune, i int) int {
	n := 1
	for j := i - 1; j >= 0 && unicode.IsLetter(letters[j]); j-- {
		n++
	}
	for j := i + 1; j < len(letters) && unicode.IsLetter(letters[j]); j++ {
		n++
	}
	return n
}

// Every place is found by its name, by what its name begins with, and by its name with one
// slip, among those that are called alike.
func TestEveryPlaceIsFoundByItsName(t *testing.T) {
	t.Parallel()
	all := slices.Concat(country200(3000), FromParkings(dresden()))
	x := New(all)
	r := rand.New(rand.NewPCG(1, 2))
	has := func(text string, near Point, limit int, i int) bool {
		return slices.ContainsFunc(x.Find(Query{Text: text, Near: &near, Limit: limit}), func(f Found) bool { return int(f.rank) == i })
	}
	for i, p := range all {
		if !has(p.Name, p.At, 8, i) || !has(strings.ToUpper(p.Name), p.At, 8, i) {
			t.Errorf("%s is not found by its name", p.Name)
		}
		letters := []rune(p.Name)
		if n := 3 + r.IntN(max(len(letters)-3, 1)); n <= len(letters) && len(split(string(letters[:n]), 9)) > 0 && !has(string(letters[:n]), p.At, 3100, i) {
			t.Errorf("%s is not found by %q", p.Name, string(letters[:n]))
		}
		if p.Kind == Postcode || i%3 != 0 {
			continue
		}
		wrong := slip(r, strings.ToLower(p.Name))
		if !has(wrong, p.At, 60, i) {
			t.Errorf("%s is not found by %q, but %v", p.Name, wrong, names(x.Find(Query{Text: wrong, Near: &p.At, Limit: 8})))
		}
	}
}

// The tree finds exactly what a look at every word finds.
func TestTheTreeFindsWhatALookAtEveryWordFinds(t *testing.T) {
	t.Parallel()
	all := country200(1200)
	x := New(all)
	var words []string
	for i := range all {
		for _, w := range append(split(all[i].Name, maxNameWords), split(all[i].Context, maxNameWords)...) {
			words = append(words, forms(w)...)
		}
		for j, own := 1, split(all[i].Name, maxNameWords); j < len(own); j++ {
			if joins(read(own[j])) {
				words = append(words, forms(own[j-1]+own[j])...)
			}
		}
	}
	slices.Sort(words)
	words = slices.Compact(words)
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		q := []rune(words[r.IntN(len(words))])
		q = q[:1+r.IntN(len(q))]
		for range r.IntN(3) {
			q[r.IntN(len(q))] = rune('a' + r.IntN(26))
		}
		slips := slipsIn(q)
		var want []matched
		for i, w := range words {
			if d, whole := slowly(q, []rune(w)); d <= int(slips) {
				want = append(want, matched{int32(i), uint8(d), whole == d})
			}
		}
		if got := x.match(q, slips); !slices.Equal(got, want) {
			t.Fatalf("%q: %v, not %v", string(q), got, want)
		}
	}
}

// slowly is how many slips lead from a query to the nearest beginning of a word, and to
// all of it: the whole table, as in a textbook.
func slowly(q, w []rune) (begin, whole int) {
	t := make([][]int, len(w)+1)
	begin = len(q) + len(w)
	for d := range t {
		t[d] = make([]int, len(q)+1)
		for j := range t[d] {
			switch {
			case d == 0 || j == 0:
				t[d][j] = d + j
				continue
			case w[d-1] == q[j-1]:
				t[d][j] = t[d-1][j-1]
			default:
				t[d][j] = 1 + min(t[d-1][j-1], t[d-1][j], t[d][j-1])
			}
			if d > 1 && j > 1 && w[d-1] == q[j-2] && w[d-2] == q[j-1] {
				t[d][j] = min(t[d][j], t[d-2][j-2]+1)
			}
		}
		if d > 0 {
			begin = min(begin, t[d][len(q)])
		}
	}
	return begin, t[len(w)][len(q)]
}

// changing are parkings that change.
type changing struct {
	n   uint64
	all []Parking
	ask int
}

func (c *changing) Edition() uint64     { return c.n }
func (c *changing) Parkings() []Parking { c.ask++; return c.all }

func TestADirectoryKnowsTheParkingsAsTheyAre(t *testing.T) {
	t.Parallel()
	in, err := os.Open("testdata/places.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }() // only read
	more, err := ReadGeoNames(in)
	if err != nil {
		t.Fatal(err)
	}
	from := &changing{all: dresden()}
	d := NewDirectory(from, New(more))
	got := d.Find(Query{Text: "dresden", Limit: 5})
	if len(got) == 0 || got[0].Kind != Town || got[0].Bounds == nil || got[0].Country != "DE" || got[0].Context != "Saxony" {
		t.Errorf("Dresden of both: %+v", got[0])
	}
	for _, f := range got[1:] {
		if f.Kind == Town && f.Name == "Dresden" {
			t.Errorf("Dresden twice: %v", names(got))
		}
	}
	if got := names(d.Find(Query{Text: "leipzig", Limit: 5})); len(got) > 0 {
		t.Errorf("Leipzig: %v", got)
	}
	from.all = append(from.all, Parking{"leipzig-markt", "Markt", "Markt 1", "Leipzig", Point{51.34, 12.37}})
	from.n++
	for range 3 {
		if got := names(d.Find(Query{Text: "leipzig", Limit: 5})); len(got) == 0 || got[0] != "town Leipzig" {
			t.Errorf("Leipzig, now: %v", got)
		}
	}
	if from.ask != 2 {
		t.Errorf("the parkings were read %d times", from.ask)
	}
}

func TestAGazetteerIsRead(t *testing.T) {
	t.Parallel()
	read := func(name string) *Index {
		in, err := os.Open("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = in.Close() }() // only read
		all, err := ReadGeoNames(in)
		if err != nil {
			t.Fatal(err)
		}
		return New(all)
	}
	x := read("places.txt")
	for typed, want := range map[string]string{
		"munich": "town Munich, Bavaria", "münchen": "town München, Bavaria", "muenchen": "town München, Bavaria", "blasewitz": "district Blasewitz, Dresden",
		"zwinger": "landmark Zwinger, Dresden", "großer garten": "landmark Großer Garten, Dresden", "neumarkt": "street Neumarkt, Dresden", "dresden hbf": "landmark Dresden Hauptbahnhof, Dresden",
	} {
		got := x.Find(Query{Text: typed, Limit: 1})
		if len(got) == 0 || fmt.Sprintf("%s %s, %s", got[0].Kind, got[0].Name, got[0].Context) != want {
			t.Errorf("%q finds %+v, not %s", typed, got, want)
		}
	}
	for _, typed := range []string{"elbe", "altdorf wüst", "sachsen"} {
		if got := x.Find(Query{Text: typed, Limit: 1}); len(got) > 0 {
			t.Errorf("%q finds %v", typed, names(got))
		}
	}
	y := read("postcodes.txt")
	if got := y.Find(Query{Text: "01097", Limit: 3}); len(got) != 1 || got[0].Kind != Postcode || got[0].Context != "Dresden" || got[0].Country != "DE" {
		t.Errorf("01097 finds %+v", got)
	}
	for _, bad := range []string{
		"", "\n\n", "one column", "1\tA\tB", strings.Repeat("x", maxLine+1),
		strings.Join(slices.Repeat([]string{"x"}, columnsOfPlaces), "\t"), // is no feature: no place
		placeLine("91", "13"), placeLine("51", "181"), placeLine("NaN", "13"), placeLine("", ""),
		placeLine("51", "13") + "\n" + "1\tA\tB",
	} {
		if got, err := ReadGeoNames(strings.NewReader(bad)); err == nil {
			t.Errorf("%.40q is read: %v", bad, got)
		}
	}
	if got, err := ReadGeoNames(strings.NewReader("\ufeff" + placeLine("51", "13") + "\r\n")); err != nil || len(got) != 1 {
		t.Errorf("a file with a mark at its head: %v, %v", got, err)
	}
}

func placeLine(lat, lon string) string {
	return strings.Join([]string{"1", "Ort", "Ort", "", lat, lon, "P", "PPL", "DE", "", "13", "", "", "", "10", "", "1", "Europe/Berlin", "2026-01-01"}, "\t")
}

func FuzzFind(f *testing.F) {
	x := New(slices.Concat(country200(300), FromParkings(dresden())))
	for _, text := range []string{"dresden", "prager str 12", "ßßßß", "a\u0301", "\xff", "01067", "ǅ", strings.Repeat("ß ", 50)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got := x.Find(Query{Text: text, Limit: 5}); len(got) > 5+spare {
			t.Errorf("%d results", len(got))
		}
	})
}
