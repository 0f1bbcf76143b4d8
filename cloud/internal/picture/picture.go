// Package picture is what is shown of a parking: photos and its plan.
//
// Nothing of a file that somebody sends is kept. It is decoded and drawn anew in two
// sizes (Draw): what else was in it, above all where it was taken, is not in what was
// drawn. How many pixels it has is known from its head, before any is decoded. What was
// drawn is named after its bytes, so that an address says what is there for ever.
package picture

import (
	"context"
	"slices"
	"time"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// Fault codes of this package.
const (
	CodeUnreadable    = "picture_unreadable"
	CodeTooManyPixels = "picture_too_many_pixels"
	CodeFull          = "pictures_full"
	CodeExists        = "picture_exists"
	CodeNotFound      = "picture_not_found"
	CodeBusy          = "pictures_busy"
)

// Limits of pictures.
const (
	MaxBytes  = 5_000_000 // of a file that is sent
	MaxPhotos = 6         // beside one plan
)

// Drawn is a picture with the bytes of its files.
type Drawn struct {
	parking.Picture
	LargeBytes, SmallBytes []byte
}

// Store keeps pictures. Each change is noted in the history and told in the feed, in the
// commit that makes it.
type Store interface {
	// Pictures are a parking's, photos in their order and then the plan.
	Pictures(ctx context.Context, at id.Parking) ([]parking.Picture, error)
	// ChangePictures makes of a parking's pictures what change makes of them: the files of
	// what is new are added, those that nothing names any more dropped. What is as it was
	// changes nothing.
	ChangePictures(ctx context.Context, at id.Parking, by parking.Author, files map[string][]byte, change func([]parking.Picture) ([]parking.Picture, error)) ([]parking.Picture, error)
	// PictureFile is a file of a parking's pictures; nil: there is none.
	PictureFile(ctx context.Context, at id.Parking, hash string) ([]byte, error)
}

// Service looks after pictures. Its methods are safe for concurrent use.
type Service struct {
	store  Store
	listed func(at id.Parking, hash string) bool
	cache  *cache
	// Drawing takes much memory for a moment: one at a time.
	drawing chan struct{}
	// What nothing names is asked for in the store, by a few at a time: anybody can make
	// up names.
	asking chan struct{}
}

// patience is how long one waits for others whose pictures are being drawn, and all for
// the store.
const patience = 10 * time.Second

// New makes a service that keeps files of at most so many bytes in memory. listed says
// whether what everybody sees of a parking names a file: only that is served from memory,
// so that what was taken away is gone everywhere as soon as it is told.
func New(store Store, listed func(at id.Parking, hash string) bool, bytes int) *Service {
	return &Service{store, listed, newCache(bytes), make(chan struct{}, 1), make(chan struct{}, 2)}
}

func errNotFound() error {
	return fault.New(fault.NotFound, CodeNotFound, "There is no such picture of this parking.")
}

// List are a parking's pictures.
func (s *Service) List(ctx context.Context, at id.Parking) ([]parking.Picture, error) {
	return s.store.Pictures(ctx, at)
}

// Add draws a file and adds it; added: it was not there. The same again changes nothing.
func (s *Service) Add(ctx context.Context, at id.Parking, kind parking.PictureKind, alt parking.Texts, raw []byte, by parking.Author) (got parking.Picture, added bool, err error) {
	d, err := s.draw(ctx, raw, kind)
	if err != nil {
		return got, false, err
	}
	d.Kind, d.Alt = kind, alt
	files := map[string][]byte{d.Large.Hash: d.LargeBytes, d.Small.Hash: d.SmallBytes}
	_, err = s.store.ChangePictures(ctx, at, by, files, func(all []parking.Picture) (after []parking.Picture, err error) {
		after, added, err = Added(all, d.Picture)
		return after, err
	})
	return d.Picture, added, err
}

func (s *Service) draw(ctx context.Context, raw []byte, kind parking.PictureKind) (Drawn, error) {
	wait := time.NewTimer(patience)
	defer wait.Stop()
	select {
	case s.drawing <- struct{}{}:
		defer func() { <-s.drawing }()
		return Draw(raw, kind)
	case <-wait.C:
		return Drawn{}, fault.New(fault.Unavailable, CodeBusy, "Other pictures are being worked on. Nothing was changed; send it again in a moment.")
	case <-ctx.Done():
		return Drawn{}, ctx.Err()
	}
}

// Change gives a picture other words, or another place among the photos, counted from 1.
func (s *Service) Change(ctx context.Context, at id.Parking, which string, alt parking.Texts, place int, by parking.Author) ([]parking.Picture, error) {
	return s.store.ChangePictures(ctx, at, by, nil, func(all []parking.Picture) ([]parking.Picture, error) {
		return Changed(all, which, alt, place)
	})
}

// Remove takes a picture away.
func (s *Service) Remove(ctx context.Context, at id.Parking, which string, by parking.Author) ([]parking.Picture, error) {
	return s.store.ChangePictures(ctx, at, by, nil, func(all []parking.Picture) ([]parking.Picture, error) {
		return Removed(all, which)
	})
}

// File is a file of a parking's pictures. However many look at it, the store is asked for
// it once for each time that memory has no room for it any more.
func (s *Service) File(ctx context.Context, at id.Parking, hash string) ([]byte, error) {
	load := func() ([]byte, error) { // for all who wait, not only for whose request it was
		ctx, done := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer done()
		return s.store.PictureFile(ctx, at, hash)
	}
	var body []byte
	var err error
	if s.listed(at, hash) {
		body, err = s.cache.get(ctx, string(at)+"/"+hash, load)
	} else {
		select {
		case s.asking <- struct{}{}:
			body, err = load()
			<-s.asking
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err == nil && body == nil {
		err = errNotFound()
	}
	return body, err
}

// Added are pictures with one more.
func Added(all []parking.Picture, one parking.Picture) (after []parking.Picture, added bool, err error) {
	photos, plans := 0, 0
	for _, p := range all {
		if p.ID == one.ID {
			if p.Kind != one.Kind || !same(p.Alt, one.Alt) {
				return nil, false, fault.New(fault.Conflict, CodeExists, "This picture is there already, with other words or as the other kind. Nothing was changed.")
			}
			return all, false, nil
		}
		if p.Kind == parking.Plan {
			plans++
		} else {
			photos++
		}
	}
	if one.Kind == parking.Plan && plans > 0 || one.Kind == parking.Photo && photos >= MaxPhotos {
		return nil, false, fault.Newf(fault.Conflict, CodeFull, "A parking has at most %d photos and one plan. Take one away first.", MaxPhotos)
	}
	return inOrder(append(slices.Clone(all), one)), true, nil
}

// Changed are pictures of which one has other words (nil: as they are) or another place
// (0: where it is).
func Changed(all []parking.Picture, which string, alt parking.Texts, place int) ([]parking.Picture, error) {
	i := slices.IndexFunc(all, func(p parking.Picture) bool { return p.ID == which })
	if i < 0 {
		return nil, errNotFound()
	}
	after := slices.Clone(all)
	if alt != nil {
		after[i].Alt = alt
	}
	if place > 0 {
		one := after[i]
		after = slices.Delete(after, i, i+1)
		after = slices.Insert(after, min(place-1, len(after)), one)
	}
	return inOrder(after), nil
}

// Removed are pictures without one.
func Removed(all []parking.Picture, which string) ([]parking.Picture, error) {
	i := slices.IndexFunc(all, func(p parking.Picture) bool { return p.ID == which })
	if i < 0 {
		return nil, errNotFound()
	}
	return slices.Delete(slices.Clone(all), i, i+1), nil
}

// inOrder puts the plan behind the photos.
func inOrder(all []parking.Picture) []parking.Picture {
	rank := map[parking.PictureKind]int{parking.Plan: 1}
	slices.SortStableFunc(all, func(a, b parking.Picture) int { return rank[a.Kind] - rank[b.Kind] })
	return all
}

func same(a, b parking.Texts) bool {
	for _, l := range parking.Languages() {
		if a[l] != b[l] {
			return false
		}
	}
	return true
}

// Note is what is put into the history of a parking's configuration.
type Note struct {
	What          string
	Before, After any // nil: there was, or is, none
}

// Notes are the differences between pictures before and after a change.
func Notes(before, after []parking.Picture) (out []Note) {
	shown := func(p parking.Picture) any {
		return map[string]any{"picture": p.ID[:min(12, len(p.ID))], "kind": p.Kind, "alt": p.Alt}
	}
	find := func(all []parking.Picture, which string) *parking.Picture {
		if i := slices.IndexFunc(all, func(p parking.Picture) bool { return p.ID == which }); i >= 0 {
			return &all[i]
		}
		return nil
	}
	var stayed, stay []string
	for _, p := range before {
		if find(after, p.ID) == nil {
			out = append(out, Note{"picture.removed", shown(p), nil})
			continue
		}
		stayed = append(stayed, p.ID[:min(12, len(p.ID))])
	}
	for _, p := range after {
		was := find(before, p.ID)
		if was == nil {
			out = append(out, Note{"picture.added", nil, shown(p)})
			continue
		}
		stay = append(stay, p.ID[:min(12, len(p.ID))])
		if !same(was.Alt, p.Alt) {
			out = append(out, Note{"picture.changed", shown(*was), shown(p)})
		}
	}
	if !slices.Equal(stayed, stay) {
		out = append(out, Note{"picture.changed", map[string]any{"order": stayed}, map[string]any{"order": stay}})
	}
	return out
}
