package picture_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/picture"
	"github.com/openlot/openlot/protocol/fault"
)

// quarters is a picture whose corners can be told apart: red, green, blue, white.
func quarters(w, h int) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	colours := []color.RGBA{{220, 0, 0, 255}, {0, 200, 0, 255}, {0, 0, 220, 255}, {255, 255, 255, 255}}
	for y := range h {
		for x := range w {
			img.SetRGBA(x, y, colours[2*(2*y/h)+2*x/w])
		}
	}
	return img
}

func encoded(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// exif is a segment of a JPEG as a phone writes it: how it lay, and where it was taken.
func exif(lies uint16) []byte {
	le := binary.LittleEndian
	b := []byte("Exif\x00\x00II*\x00\x08\x00\x00\x00")
	entry := func(tag, kind uint16, n, value uint32) {
		b = le.AppendUint16(b, tag)
		b = le.AppendUint16(b, kind)
		b = le.AppendUint32(b, n)
		b = le.AppendUint32(b, value)
	}
	b = le.AppendUint16(b, 2)
	entry(0x0112, 3, 1, uint32(lies))
	entry(0x8825, 4, 1, 38) // where the directory of the position is
	b = le.AppendUint32(b, 0)
	b = le.AppendUint16(b, 1)
	entry(0x0001, 2, 2, 'N')
	b = le.AppendUint32(b, 0)
	return append(b, "GPS 51.0504,13.7373"...)
}

// withSegments puts segments behind the begin of a JPEG.
func withSegments(raw []byte, segments ...[]byte) []byte {
	out := append([]byte{}, raw[:2]...)
	for i, s := range segments {
		marker := byte(0xe1)
		if i > 0 {
			marker = 0xfe // a comment
		}
		out = append(out, 0xff, marker)
		out = binary.BigEndian.AppendUint16(out, uint16(len(s)+2))
		out = append(out, s...)
	}
	return append(out, raw[2:]...)
}

// markers are those of a JPEG up to its pixels.
func markers(t *testing.T, raw []byte) (all []byte) {
	t.Helper()
	for at := 2; at+4 <= len(raw); {
		if raw[at] != 0xff {
			t.Fatalf("no marker at %d", at)
		}
		all = append(all, raw[at+1])
		if raw[at+1] == 0xda {
			return all
		}
		at += 2 + int(binary.BigEndian.Uint16(raw[at+2:]))
	}
	t.Fatal("no pixels")
	return nil
}

// Where, when and by what a picture was taken is in the file that is sent, and in nothing
// that is kept: however small it is, and whatever it is to be.
func TestAPictureNeverTellsWhereItWasTaken(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {64, 48}, {480, 360}, {1280, 960}, {1600, 1200}} {
		raw := withSegments(encoded(t, quarters(size[0], size[1])), exif(1), []byte("taken by Erika with an X100"))
		if !bytes.Contains(raw, []byte("GPS 51.0504")) || !bytes.Contains(raw, []byte("Erika")) {
			t.Fatal("nothing to drop")
		}
		for _, kind := range []parking.PictureKind{parking.Photo, parking.Plan} {
			d, err := picture.Draw(raw, kind)
			if err != nil {
				t.Fatal(size, err)
			}
			for name, body := range map[string][]byte{"large": d.LargeBytes, "small": d.SmallBytes} {
				for _, secret := range []string{"Exif", "GPS", "51.05", "Erika", "X100"} {
					if bytes.Contains(body, []byte(secret)) {
						t.Errorf("%v, %s: it has %q", size, name, secret)
					}
				}
				for _, m := range markers(t, body) {
					if m >= 0xe0 && m <= 0xef || m == 0xfe { // of applications, and comments
						t.Errorf("%v, %s: it has a segment %#x", size, name, m)
					}
				}
			}
		}
	}
}

// A PNG's texts are dropped, too; what was transparent is white.
func TestAPNGIsDrawnOnWhite(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 20, 20))
	img.SetNRGBA(10, 10, color.NRGBA{0, 0, 0, 255})
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	raw := b.Bytes()
	text := []byte("tEXtComment\x0051.0504,13.7373")
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(text)-4))
	chunk = append(chunk, text...)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(text))
	raw = append(append(append([]byte{}, raw[:33]...), chunk...), raw[33:]...)
	d, err := picture.Draw(raw, parking.Plan)
	if err != nil || bytes.Contains(d.LargeBytes, []byte("51.05")) {
		t.Fatal(err)
	}
	got, err := jpeg.Decode(bytes.NewReader(d.LargeBytes))
	if err != nil {
		t.Fatal(err)
	}
	if r, g, bl, _ := got.At(1, 1).RGBA(); r < 0xf000 || g < 0xf000 || bl < 0xf000 {
		t.Errorf("%x %x %x", r, g, bl)
	}
}

// A picture is kept in two sizes, none of them larger than it was, and the same file
// always gives the same.
func TestTwoSizesOfAPicture(t *testing.T) {
	for from, want := range map[[2]int][2][2]int{
		{1600, 1200}: {{1280, 960}, {480, 360}},
		{1200, 1600}: {{960, 1280}, {360, 480}},
		{600, 300}:   {{600, 300}, {480, 240}},
		{300, 200}:   {{300, 200}, {300, 200}},
		{4000, 2}:    {{1280, 1}, {480, 1}},
	} {
		raw := encoded(t, quarters(from[0], from[1]))
		a, err := picture.Draw(raw, parking.Photo)
		if err != nil {
			t.Fatal(err)
		}
		b, err := picture.Draw(raw, parking.Photo)
		if err != nil || a.ID != b.ID || a.ID != a.Large.Hash {
			t.Errorf("%v: %s and %s, %v", from, a.ID, b.ID, err)
		}
		if got := [2][2]int{{a.Large.Width, a.Large.Height}, {a.Small.Width, a.Small.Height}}; got != want {
			t.Errorf("%v: %v, want %v", from, got, want)
		}
		for _, f := range []struct {
			of   parking.File
			body []byte
		}{{a.Large, a.LargeBytes}, {a.Small, a.SmallBytes}} {
			if c, err := jpeg.DecodeConfig(bytes.NewReader(f.body)); err != nil || c.Width != f.of.Width || c.Height != f.of.Height {
				t.Errorf("%v: the file is %d × %d, %v", from, c.Width, c.Height, err)
			}
		}
	}
}

// However the camera was held, the picture stands upright.
func TestPicturesStandUpright(t *testing.T) {
	const red, green, blue, white = "r", "g", "b", "w"
	for lies, want := range map[uint16][4]string{ // left above, right above, left below, right below
		1: {red, green, blue, white}, 2: {green, red, white, blue}, 3: {white, blue, green, red}, 4: {blue, white, red, green},
		5: {red, blue, green, white}, 6: {blue, red, white, green}, 7: {white, green, blue, red}, 8: {green, white, red, blue},
		0: {red, green, blue, white}, 9: {red, green, blue, white},
	} {
		d, err := picture.Draw(withSegments(encoded(t, quarters(80, 40)), exif(lies)), parking.Photo)
		if err != nil {
			t.Fatal(err)
		}
		img, err := jpeg.Decode(bytes.NewReader(d.LargeBytes))
		if err != nil {
			t.Fatal(err)
		}
		w, h := img.Bounds().Dx(), img.Bounds().Dy()
		if (w > h) != (lies < 5 || lies > 8) {
			t.Errorf("%d: %d × %d", lies, w, h)
		}
		var got [4]string
		for i, at := range [][2]int{{w / 4, h / 4}, {3 * w / 4, h / 4}, {w / 4, 3 * h / 4}, {3 * w / 4, 3 * h / 4}} {
			r, g, b, _ := img.At(at[0], at[1]).RGBA()
			switch {
			case r > 0xc000 && g > 0xc000 && b > 0xc000:
				got[i] = white
			case r > g && r > b:
				got[i] = red
			case g > b:
				got[i] = green
			default:
				got[i] = blue
			}
		}
		if got != want {
			t.Errorf("%d: %v, want %v", lies, got, want)
		}
	}
}

// pngOf is the head of a PNG that says how large it is, and next to nothing behind it.
func pngOf(w, h uint32) []byte {
	head := []byte("IHDR")
	head = binary.BigEndian.AppendUint32(head, w)
	head = binary.BigEndian.AppendUint32(head, h)
	head = append(head, 8, 6, 0, 0, 0)
	out := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), head...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(head))
}

// webpOf is a WebP whose head says one size and whose frame another.
func webpOf(w, h, frameW, frameH int) []byte {
	vp8x := []byte("VP8X\x0a\x00\x00\x00\x00\x00\x00\x00")
	for _, n := range []int{w - 1, h - 1} {
		vp8x = append(vp8x, byte(n), byte(n>>8), byte(n>>16))
	}
	frame := []byte{0x10, 0, 0, 0x9d, 0x01, 0x2a, byte(frameW), byte(frameW >> 8), byte(frameH), byte(frameH >> 8)}
	body := append([]byte("WEBP"), vp8x...)
	body = append(body, "VP8 "...)
	body = binary.LittleEndian.AppendUint32(body, uint32(len(frame)))
	body = append(body, frame...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

// flatWebP is a WebP of one colour, a few bytes whatever its size, whose head says one size
// and whose frame another.
func flatWebP(w, h, frameW, frameH int) []byte {
	vp8x := []byte("VP8X\x0a\x00\x00\x00\x00\x00\x00\x00")
	for _, n := range []int{w - 1, h - 1} {
		vp8x = append(vp8x, byte(n), byte(n>>8), byte(n>>16))
	}
	frame := binary.LittleEndian.AppendUint32([]byte{0x2f}, uint32(frameW-1)|uint32(frameH-1)<<14)
	frame = append(frame, 0x88, 0x88, 0x08, 0, 0) // no transforms, and five codes of one symbol: no bits for a pixel
	body := append([]byte("WEBP"), vp8x...)
	body = append(body, "VP8L"...)
	body = binary.LittleEndian.AppendUint32(body, uint32(len(frame)))
	body = append(body, frame...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

// A WebP is drawn, too; a few bytes of one may be millions of pixels, of which its head says nothing.
func TestAWebPIsAsLargeAsItsHeadSays(t *testing.T) {
	d, err := picture.Draw(flatWebP(40, 30, 40, 30), parking.Photo)
	if err != nil || d.Large.Width != 40 || d.Large.Height != 30 {
		t.Errorf("%+v, %v", d.Large, err)
	}
	if d, err := picture.Draw(flatWebP(40, 30, 2000, 2000), parking.Photo); fault.Code(err) != picture.CodeUnreadable {
		t.Errorf("%+v, %v", d.Large, err)
	}
}

// What would fill the memory is refused by what its head says, and by no more than that:
// decoding any of these takes a gigabyte.
func TestWhatIsTooLargeIsNotDecoded(t *testing.T) {
	for name, c := range map[string]struct {
		raw  []byte
		code string
	}{
		"a bomb":                             {pngOf(30000, 30000), picture.CodeTooManyPixels},
		"long and thin":                      {pngOf(20000, 1), picture.CodeTooManyPixels},
		"one pixel too many":                 {pngOf(4096, 4097), picture.CodeTooManyPixels},
		"all that is allowed, and no end":    {pngOf(4096, 4096), picture.CodeUnreadable},
		"a small head on a large frame":      {webpOf(10, 10, 16383, 16383), picture.CodeUnreadable},
		"a large head":                       {webpOf(16383, 16383, 16383, 16383), picture.CodeTooManyPixels},
		"nothing":                            {nil, picture.CodeUnreadable},
		"a drawing in words":                 {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), picture.CodeUnreadable},
		"a GIF":                              {[]byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;"), picture.CodeUnreadable},
		"a page":                             {[]byte("<!doctype html>"), picture.CodeUnreadable},
		"half a JPEG":                        {encoded(t, quarters(80, 40))[:400], picture.CodeUnreadable},
		"a JPEG that is gone over too often": {append(append([]byte("\xff\xd8\xff\xfe\x00\xca"), bytes.Repeat([]byte("\xff\xda"), 100)...), encoded(t, quarters(80, 40))[2:]...), picture.CodeUnreadable},
		"too many bytes":                     {bytes.Repeat([]byte("\xff\xd8\xff"), 1_700_000), "body_too_large"},
	} {
		_, err := picture.Draw(c.raw, parking.Photo)
		if f := fault.From(err); err == nil || f.Code != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	if allocated := testing.AllocsPerRun(3, func() { _, _ = picture.Draw(pngOf(30000, 30000), parking.Photo) }); allocated > 200 {
		t.Errorf("%v allocations for a bomb", allocated)
	}
}

// Whatever is sent, Draw answers, and what it draws is a JPEG without anything else in it.
func FuzzDraw(f *testing.F) {
	f.Add(withSegments(encoded(f, quarters(16, 8)), exif(6)))
	f.Add(pngOf(2, 2))
	f.Add(webpOf(2, 2, 2, 2))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := picture.Draw(raw, parking.Photo)
		if err != nil {
			if f := fault.From(err); f.Kind != fault.Invalid || !strings.HasPrefix(f.Code, "picture_") {
				t.Fatal(err)
			}
			return
		}
		for _, m := range markers(t, d.LargeBytes) {
			if m >= 0xe0 && m <= 0xef || m == 0xfe {
				t.Errorf("a segment %#x", m)
			}
		}
	})
}
