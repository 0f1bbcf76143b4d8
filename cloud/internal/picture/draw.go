package picture

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"slices"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/fault"
)

// What may be decoded: a head that says more is refused before anything is. A decoder
// takes up to twenty bytes for a pixel of a wasteful file, so that this many take a third
// of a gigabyte, for a moment, at the worst.
const (
	maxPixels = 1 << 24
	maxSide   = 1 << 14
)

// The sizes that are kept: the most in each direction.
const (
	largeSide = 1280
	smallSide = 480
)

// How good JPEGs are: lines suffer more than what cameras see.
const (
	photoQuality = 82
	planQuality  = 92
)

func errUnreadable() error {
	return fault.New(fault.Invalid, CodeUnreadable, "This is no JPEG, PNG or WebP that can be read to its end. Nothing was changed.").WithField("picture", "cannot be read")
}

// format is a kind of file that is decoded, told by how it begins.
type format struct {
	begins func([]byte) bool
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

func formats() []format {
	starts := func(with string) func([]byte) bool {
		return func(raw []byte) bool { return bytes.HasPrefix(raw, []byte(with)) }
	}
	return []format{
		{starts("\xff\xd8\xff"), jpeg.DecodeConfig, jpeg.Decode},
		{starts("\x89PNG\r\n\x1a\n"), png.DecodeConfig, png.Decode},
		{func(raw []byte) bool {
			return len(raw) >= 12 && string(raw[:4]) == "RIFF" && string(raw[8:12]) == "WEBP"
		}, webp.DecodeConfig, webp.Decode},
	}
}

// Draw decodes a file and draws it anew, in two sizes and upright. Nothing but its pixels
// gets into what is drawn. It has no words yet.
func Draw(raw []byte, kind parking.PictureKind) (Drawn, error) {
	if len(raw) > MaxBytes {
		return Drawn{}, fault.Newf(fault.Invalid, "body_too_large", "A picture has at most %d bytes.", MaxBytes)
	}
	for _, f := range formats() {
		if !f.begins(raw) {
			continue
		}
		img, err := decode(raw, f)
		if err != nil {
			return Drawn{}, err
		}
		return drawn(img, orientation(raw), kind)
	}
	return Drawn{}, errUnreadable()
}

// maxScans is how many passes over its pixels a JPEG may take; cameras make a dozen at
// most, and each costs the decoder as much as a picture.
const maxScans = 64

// decode decodes what is not too large.
func decode(raw []byte, f format) (image.Image, error) {
	c, err := f.config(bytes.NewReader(raw))
	if err != nil || c.Width <= 0 || c.Height <= 0 || !webpIsWhole(raw, c) {
		return nil, errUnreadable()
	}
	if c.Width > maxSide || c.Height > maxSide || c.Width*c.Height > maxPixels {
		return nil, fault.Newf(fault.Invalid, CodeTooManyPixels, "A picture has at most %d pixels, and %d in each direction. This one has %d × %d.", maxPixels, maxSide, c.Width, c.Height).
			WithField("picture", "has too many pixels")
	}
	if bytes.HasPrefix(raw, []byte("\xff\xd8")) && bytes.Count(raw, []byte("\xff\xda")) > maxScans {
		return nil, errUnreadable()
	}
	img, err := f.decode(bytes.NewReader(raw))
	if err != nil {
		return nil, errUnreadable()
	}
	return img, nil
}

func drawn(img image.Image, turn int, kind parking.PictureKind) (Drawn, error) {
	large := upright(fit(img, largeSide), turn)
	small := fit(large, smallSide)
	out := Drawn{Picture: parking.Picture{Kind: kind}}
	var err error
	if out.LargeBytes, out.Large, err = encode(large, kind); err != nil {
		return out, err
	}
	if out.SmallBytes, out.Small, err = encode(small, kind); err != nil {
		return out, err
	}
	out.ID = out.Large.Hash
	return out, nil
}

// fit draws a picture, on white where it is transparent, at most so wide and high; one
// that is smaller stays as large as it is.
func fit(img image.Image, side int) *image.RGBA {
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	if long := max(w, h); long > side {
		w, h = max(w*side/long, 1), max(h*side/long, 1)
	}
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(out, out.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	if w == b.Dx() && h == b.Dy() {
		draw.Draw(out, out.Bounds(), img, b.Min, draw.Over)
	} else {
		draw.CatmullRom.Scale(out, out.Bounds(), img, b, draw.Over, nil)
	}
	return out
}

func encode(img image.Image, kind parking.PictureKind) ([]byte, parking.File, error) {
	quality := photoQuality
	if kind == parking.Plan {
		quality = planQuality
	}
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, img, &jpeg.Options{Quality: quality}); err != nil {
		return nil, parking.File{}, err
	}
	sum := sha256.Sum256(buf.Bytes())
	return buf.Bytes(), parking.File{Hash: hex.EncodeToString(sum[:]), Width: img.Bounds().Dx(), Height: img.Bounds().Dy()}, nil
}

// webpIsWhole is whether the frame of a WebP is as large as its head says: the head is what
// a decoder's configuration tells, the frame what it makes room for. Other files are whole.
func webpIsWhole(raw []byte, c image.Config) bool {
	if !bytes.HasPrefix(raw, []byte("RIFF")) {
		return true
	}
	for at := 12; at+8 <= len(raw); {
		name, size := string(raw[at:at+4]), int(little(raw[at+4:at+8]))
		body := raw[at+8:]
		switch {
		case name == "VP8 " && len(body) >= 10:
			return int(little(body[6:8])&0x3fff) == c.Width && int(little(body[8:10])&0x3fff) == c.Height
		case name == "VP8L" && len(body) >= 5:
			bits := little(body[1:5])
			return int(bits&0x3fff)+1 == c.Width && int(bits>>14&0x3fff)+1 == c.Height
		case size < 0 || size > len(body):
			return false
		}
		at += 8 + size + size%2
	}
	return false
}

func little(b []byte) (n uint32) {
	for _, v := range slices.Backward(b) {
		n = n<<8 | uint32(v)
	}
	return n
}
