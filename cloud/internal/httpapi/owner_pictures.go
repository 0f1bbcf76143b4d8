package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/picture"
	"github.com/openlot/openlot/cloud/internal/problem"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// Pictures are those of parkings.
type Pictures interface {
	List(ctx context.Context, at id.Parking) ([]parking.Picture, error)
	Add(ctx context.Context, at id.Parking, kind parking.PictureKind, alt parking.Texts, raw []byte, by parking.Author) (got parking.Picture, added bool, err error)
	Change(ctx context.Context, at id.Parking, which string, alt parking.Texts, place int, by parking.Author) ([]parking.Picture, error)
	Remove(ctx context.Context, at id.Parking, which string, by parking.Author) ([]parking.Picture, error)
	File(ctx context.Context, at id.Parking, hash string) ([]byte, error)
}

// A picture of the largest size comes slowly over a phone's line.
const pictureTimeout = 2 * time.Minute

// maxAlt is the longest JSON of what a picture shows, in bytes.
const maxAlt = 8 << 10

// pictureRoutes are a parking's pictures: whoever runs it sets them, everybody sees them.
func (s *server) pictureRoutes(r *gin.Engine, get func(string, gin.HandlerFunc)) {
	get("/parkings/:id/pictures/:file", s.do(s.getPicture))
	get("/owner/parkings/:id/pictures", s.run(account.ViewParkings, s.listPictures))
	r.POST("/owner/parkings/:id/pictures", s.run(account.RunParkings, s.addPicture))
	r.PATCH("/owner/parkings/:id/pictures/:picture", s.run(account.RunParkings, s.changePicture))
	r.DELETE("/owner/parkings/:id/pictures/:picture", s.run(account.RunParkings, s.removePicture))
}

// shownPictures and shownOne are api.Pictures and api.PictureAnswer, written as the listing writes them.
type shownPictures struct {
	Pictures []parking.ShownPicture `json:"pictures"`
}

type shownOne struct {
	Picture parking.ShownPicture `json:"picture"`
}

// getPicture answers with a file that never changes. It is for everybody's pages, also of
// those who have a portal elsewhere.
func (s *server) getPicture(c *gin.Context) error {
	at, err := id.ParseParking(c.Param("id"))
	name := c.Param("file")
	if err != nil || !isPictureName(name) {
		return fault.New(fault.NotFound, picture.CodeNotFound, "There is no such picture of this parking.")
	}
	ctx, done := bounded(c)
	defer done()
	body, err := s.Pictures.File(ctx, at, name)
	if err != nil {
		return err
	}
	h := c.Writer.Header()
	h.Set("Content-Type", "image/jpeg")
	h.Set("ETag", `"`+name+`"`)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	http.ServeContent(c.Writer, c.Request, "", time.Time{}, bytes.NewReader(body))
	return nil
}

// isPictureName is whether it could be one: 64 digits of a hash.
func isPictureName(name string) bool {
	if len(name) != 64 {
		return false
	}
	for _, c := range []byte(name) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func (s *server) listPictures(c *gin.Context, a ask) error {
	ctx, cancel := bounded(c)
	defer cancel()
	all, err := s.Pictures.List(ctx, a.at)
	if err == nil {
		answer(c, http.StatusOK, shownPictures{parking.Shown(a.at, all)})
	}
	return err
}

func (s *server) addPicture(c *gin.Context, a ask) error {
	kind, alt, raw, err := readPicture(c)
	if err != nil {
		return err
	}
	ctx, cancel := bounded(c)
	defer cancel()
	got, added, err := s.Pictures.Add(ctx, a.at, kind, alt, raw, a.by(""))
	if err != nil {
		return err
	}
	status := http.StatusOK
	if added {
		status = http.StatusCreated
	}
	answer(c, status, shownOne{parking.Shown(a.at, []parking.Picture{got})[0]})
	return nil
}

// readPicture reads a form of three parts, each once and none beside them.
func readPicture(c *gin.Context) (kind parking.PictureKind, alt parking.Texts, raw []byte, err error) {
	rc := http.NewResponseController(c.Writer)
	_ = rc.SetReadDeadline(time.Now().Add(pictureTimeout)) // not supported by test recorders
	defer func() { _ = rc.SetReadDeadline(time.Time{}) }()
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, picture.MaxBytes+maxBody) // before the form has it
	form, err := c.Request.MultipartReader()
	if err != nil {
		return "", nil, nil, fault.New(fault.Invalid, problem.CodeUnsupportedMedia, "Send the picture as multipart/form-data, with the parts kind, alt and picture.")
	}
	parts, most := map[string][]byte{}, map[string]int64{"kind": 16, "alt": maxAlt, "picture": picture.MaxBytes}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", nil, nil, unreadableForm(err)
		}
		name := part.FormName()
		if _, known := most[name]; !known {
			return "", nil, nil, withFields(fault.New(fault.Invalid, CodeUnknownField, "The form has a part that is not known; fields names it."), map[string]string{printable(name): "is not known"})
		}
		if _, twice := parts[name]; twice {
			return "", nil, nil, invalidFields(map[string]string{name: "is given twice"})
		}
		if parts[name], err = readPart(part, most[name]); err != nil {
			return "", nil, nil, err
		}
	}
	wrong := map[string]string{}
	for name := range most {
		if _, there := parts[name]; !there {
			wrong[name] = "is missing"
		}
	}
	kind = parking.PictureKind(parts["kind"])
	if wrong["kind"] == "" && kind != parking.Photo && kind != parking.Plan {
		wrong["kind"] = "is not photo or plan"
	}
	if wrong["alt"] == "" {
		alt = readAlt(parts["alt"], wrong)
	}
	return kind, alt, parts["picture"], invalidFields(wrong)
}

func readPart(part *multipart.Part, most int64) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(part, most+1))
	switch {
	case err != nil:
		return nil, unreadableForm(err)
	case int64(len(raw)) > most && part.FormName() == "picture":
		return nil, fault.Newf(fault.Invalid, problem.CodeBodyTooLarge, "A picture has at most %d bytes.", most)
	case int64(len(raw)) > most:
		return nil, invalidFields(map[string]string{part.FormName(): "is too long"})
	}
	return raw, nil
}

func unreadableForm(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fault.Newf(fault.Invalid, problem.CodeBodyTooLarge, "A picture has at most %d bytes.", picture.MaxBytes)
	}
	return fault.Wrap(err, fault.Invalid, booking.CodeRequestInvalid, "The form ended before it was complete.")
}

// readAlt reads what a picture shows, in each language.
func readAlt(raw []byte, wrong map[string]string) parking.Texts {
	alt := parking.Texts{}
	dec := json.NewDecoder(bytes.NewReader(raw))
	err := dec.Decode(&alt)
	if _, more := dec.Token(); err != nil || !errors.Is(more, io.EOF) || alt == nil {
		wrong["alt"] = "must be an object of texts by their language"
		return nil
	}
	alt.Check("alt", true, wrong)
	return alt
}

func (s *server) changePicture(c *gin.Context, a ask) error {
	var alt, place json.RawMessage
	if err := readBody(c, object{parts: map[string]*json.RawMessage{"alt": &alt, "place": &place}}, nil); err != nil {
		return err
	}
	wrong := map[string]string{}
	var words parking.Texts
	if alt != nil {
		words = readAlt(alt, wrong)
	}
	var to int64
	if place != nil {
		var says string
		if to, says = number(place, 1, picture.MaxPhotos); says != "" {
			wrong["place"] = says
		}
	}
	if alt == nil && place == nil {
		wrong["body"] = "changes nothing"
	}
	if err := invalidFields(wrong); err != nil {
		return err
	}
	all, err := s.Pictures.Change(c.Request.Context(), a.at, c.Param("picture"), words, int(to), a.by(""))
	if err == nil {
		answer(c, http.StatusOK, shownPictures{parking.Shown(a.at, all)})
	}
	return err
}

func (s *server) removePicture(c *gin.Context, a ask) error {
	all, err := s.Pictures.Remove(c.Request.Context(), a.at, c.Param("picture"), a.by(""))
	if err == nil {
		answer(c, http.StatusOK, shownPictures{parking.Shown(a.at, all)})
	}
	return err
}
