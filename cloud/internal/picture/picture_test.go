package picture_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/picture"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

func photos(n int, plan bool) (all []parking.Picture) {
	for i := range n {
		all = append(all, parking.Picture{ID: fmt.Sprint(i + 1), Kind: parking.Photo, Alt: parking.Texts{"en": fmt.Sprint(i)}})
	}
	if plan {
		all = append(all, parking.Picture{ID: "plan", Kind: parking.Plan})
	}
	return all
}

func names(all []parking.Picture) (out string) {
	for _, p := range all {
		out += p.ID + " "
	}
	return out
}

func TestSixPhotosAndOnePlan(t *testing.T) {
	another := parking.Picture{ID: "another", Kind: parking.Photo}
	if after, added, err := picture.Added(photos(5, true), another); err != nil || !added || names(after) != "1 2 3 4 5 another plan " {
		t.Errorf("%s, %v, %v", names(after), added, err)
	}
	if _, _, err := picture.Added(photos(6, false), another); fault.Code(err) != picture.CodeFull {
		t.Error(err)
	}
	another.Kind = parking.Plan
	if _, _, err := picture.Added(photos(0, true), another); fault.Code(err) != picture.CodeFull {
		t.Error(err)
	}
	// The same again is the same, also when there is no room for another.
	full := photos(6, true)
	if after, added, err := picture.Added(full, full[2]); err != nil || added || names(after) != names(full) {
		t.Errorf("%v, %v", added, err)
	}
	other := full[2]
	other.Alt = parking.Texts{"en": "something else"}
	if _, _, err := picture.Added(full, other); fault.Code(err) != picture.CodeExists {
		t.Error(err)
	}
}

func TestPicturesMove(t *testing.T) {
	for _, c := range []struct {
		which string
		place int
		want  string
	}{
		{"3", 1, "3 1 2 plan "}, {"1", 3, "2 3 1 plan "}, {"1", 6, "2 3 1 plan "}, {"2", 2, "1 2 3 plan "}, {"plan", 1, "1 2 3 plan "}, {"2", 0, "1 2 3 plan "},
	} {
		all := photos(3, true)
		after, err := picture.Changed(all, c.which, nil, c.place)
		if err != nil || names(after) != c.want || names(all) != "1 2 3 plan " {
			t.Errorf("%s to %d: %s, %v", c.which, c.place, names(after), err)
		}
	}
	after, err := picture.Changed(photos(2, false), "2", parking.Texts{"en": "the ramp"}, 0)
	if err != nil || after[1].Alt["en"] != "the ramp" {
		t.Error(after, err)
	}
	for _, err := range []error{second(picture.Changed(photos(2, false), "3", nil, 1)), second(picture.Removed(photos(2, false), "3"))} {
		if fault.Code(err) != picture.CodeNotFound {
			t.Error(err)
		}
	}
	if left, err := picture.Removed(photos(3, false), "2"); err != nil || names(left) != "1 3 " {
		t.Error(left, err)
	}
}

func second[T any](_ T, err error) error { return err }

// stored is a store that counts how often it is asked for a file.
type stored struct {
	picture.Store
	files map[string][]byte
	asked atomic.Int64
	slow  chan struct{}
}

func (s *stored) PictureFile(_ context.Context, at id.Parking, hash string) ([]byte, error) {
	s.asked.Add(1)
	if s.slow != nil {
		<-s.slow
	}
	return s.files[string(at)+"/"+hash], nil
}

// A thousand who look at once ask the store once, and what was taken away is not served
// from memory.
func TestManyViewersAskTheStoreOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stored{files: map[string][]byte{"p/a": []byte("picture a")}, slow: make(chan struct{})}
		var gone atomic.Bool
		pictures := picture.New(s, func(id.Parking, string) bool { return !gone.Load() }, 100)
		// Whoever asked first goes away; the others get it all the same.
		first, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := pictures.File(first, "p", "a"); err == nil {
				t.Error("it did not go away")
			}
		})
		synctest.Wait()
		for range 1000 {
			all.Go(func() {
				if got, err := pictures.File(t.Context(), "p", "a"); err != nil || string(got) != "picture a" {
					t.Errorf("%s, %v", got, err)
				}
			})
		}
		synctest.Wait()
		leave()
		synctest.Wait()
		close(s.slow)
		all.Wait()
		if n := s.asked.Load(); n != 1 {
			t.Errorf("the store was asked %d times", n)
		}
		gone.Store(true)
		delete(s.files, "p/a")
		if _, err := pictures.File(t.Context(), "p", "a"); fault.Code(err) != picture.CodeNotFound {
			t.Error("it is served from memory though it was taken away:", err)
		}
	})
}

// Memory holds no more than it may: what was not asked for for longest goes.
func TestMemoryIsBounded(t *testing.T) {
	s := &stored{files: map[string][]byte{"p/a": make([]byte, 40), "p/b": make([]byte, 40), "p/c": make([]byte, 40), "p/huge": make([]byte, 101)}}
	pictures := picture.New(s, func(id.Parking, string) bool { return true }, 100)
	for _, step := range []struct {
		hash  string
		asked int64
	}{{"a", 1}, {"b", 2}, {"a", 2}, {"c", 3}, {"a", 3}, {"b", 4}, {"a", 4}, {"c", 5}, {"huge", 6}, {"huge", 7}, {"c", 7}, {"none", 8}, {"none", 9}} {
		body, err := pictures.File(t.Context(), "p", step.hash)
		if step.hash == "none" != (fault.Code(err) == picture.CodeNotFound) || len(body) != len(s.files["p/"+step.hash]) {
			t.Errorf("%s: %d bytes, %v", step.hash, len(body), err)
		}
		if n := s.asked.Load(); n != step.asked {
			t.Fatalf("%s: the store was asked %d times, not %d", step.hash, n, step.asked)
		}
	}
}

// Names that nothing names are looked for by two at a time, however many make some up.
func TestMadeUpNamesAreAskedForByFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stored{slow: make(chan struct{})}
		pictures := picture.New(s, func(id.Parking, string) bool { return false }, 100)
		var all sync.WaitGroup
		for n := range 100 {
			all.Go(func() {
				if _, err := pictures.File(t.Context(), "p", strconv.Itoa(n)); fault.Code(err) != picture.CodeNotFound {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if n := s.asked.Load(); n != 2 {
			t.Errorf("%d ask at a time", n)
		}
		close(s.slow)
		all.Wait()
	})
}
