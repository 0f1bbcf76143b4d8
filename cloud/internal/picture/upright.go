package picture

import (
	"bytes"
	"encoding/binary"
	"image"
)

// orientation is how a JPEG says that it lies, from 1 (upright) to 8, as Exif numbers it.
// A camera writes what its chip saw and how it was held; whoever drops the one must heed
// the other first. What says nothing that can be read is upright.
func orientation(raw []byte) int {
	if !bytes.HasPrefix(raw, []byte("\xff\xd8")) {
		return 1
	}
	for at := 2; at+4 <= len(raw) && raw[at] == 0xff; {
		marker, size := raw[at+1], int(binary.BigEndian.Uint16(raw[at+2:]))
		if marker == 0xff { // filling
			at++
			continue
		}
		if marker == 0xda || size < 2 || at+2+size > len(raw) { // pixels follow, or nonsense
			return 1
		}
		if exif, is := bytes.CutPrefix(raw[at+4:at+2+size], []byte("Exif\x00\x00")); marker == 0xe1 && is {
			return tagged(exif)
		}
		at += 2 + size
	}
	return 1
}

// tagged looks the orientation up in the first directory of a TIFF.
func tagged(tiff []byte) int {
	if len(tiff) < 8 {
		return 1
	}
	var order binary.ByteOrder
	switch string(tiff[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 1
	}
	const entry, tag, short = 12, 0x0112, 3
	first := uint64(order.Uint32(tiff[4:]))
	if first+2 > uint64(len(tiff)) {
		return 1
	}
	rest := tiff[first:]
	for n, rest := order.Uint16(rest), rest[2:]; n > 0 && len(rest) >= entry; n, rest = n-1, rest[entry:] {
		if order.Uint16(rest) != tag {
			continue
		}
		if v := int(order.Uint16(rest[8:])); order.Uint16(rest[2:]) == short && v >= 1 && v <= 8 {
			return v
		}
		return 1
	}
	return 1
}

// upright turns and mirrors a picture that lies in one of the eight ways.
func upright(img *image.RGBA, lies int) *image.RGBA {
	if lies == 1 {
		return img
	}
	w, h := img.Bounds().Dx(), img.Bounds().Dy()
	outW, outH := w, h
	if lies >= 5 {
		outW, outH = h, w
	}
	out := image.NewRGBA(image.Rect(0, 0, outW, outH))
	for y := range outH {
		for x := range outW {
			sx, sy := x, y
			if lies >= 5 {
				sx, sy = y, x
			}
			if lies == 2 || lies == 3 || lies == 7 || lies == 8 {
				sx = w - 1 - sx
			}
			if lies == 3 || lies == 4 || lies == 6 || lies == 7 {
				sy = h - 1 - sy
			}
			copy(out.Pix[out.PixOffset(x, y):][:4], img.Pix[img.PixOffset(sx, sy):][:4])
		}
	}
	return out
}
