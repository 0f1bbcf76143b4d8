package httpapi

import (
	"bytes"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
	"rsc.io/qr"

	"github.com/openlot/openlot/cloud/internal/problem"
	"github.com/openlot/openlot/protocol/fault"
)

// pixels per module of a QR code: large enough for a phone's screen, small
// enough for a mail.
const pixels = 8

// getPass shows the pass as text, PNG or SVG, or the PIN that stands for it.
func (s *server) getPass(c *gin.Context) error {
	format, err := passFormat(c)
	if err != nil {
		return err
	}
	r, err := s.authenticated(c)
	if err != nil {
		return err
	}
	ctx, done := bounded(c)
	defer done()
	read := s.Booking.Pass
	if format == "pin" {
		read = s.Booking.PIN
	}
	text, err := read(ctx, r)
	if err != nil {
		return err
	}
	c.Writer.Header().Add("Vary", "Accept, Authorization")
	c.Header("Cache-Control", "no-store")
	c.Header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	if format == "text" || format == "pin" {
		c.Data(http.StatusOK, "text/plain; charset=utf-8", []byte(text))
		return nil
	}
	// Level Q reads with a quarter of the code scratched or in the glare.
	code, err := qr.Encode(text, qr.Q)
	if err != nil {
		return fmt.Errorf("draw a pass: %w", err)
	}
	if format == "svg" {
		c.Data(http.StatusOK, "image/svg+xml", svg(code))
		return nil
	}
	code.Scale = pixels
	c.Data(http.StatusOK, "image/png", code.PNG())
	return nil
}

// passFormat is what the query asks for, else the first of Accept's that there
// is.
func passFormat(c *gin.Context) (string, error) {
	if f, given := c.GetQuery("format"); given {
		switch f {
		case "text", "png", "svg", "pin":
			return f, nil
		}
		return "", fault.New(fault.Invalid, "invalid_parameter", "The parameter format must be text, png, svg or pin.").
			WithField("format", "must be text, png, svg or pin")
	}
	accept := c.GetHeader("Accept")
	switch {
	case accept == "", accepts(c, "text/plain"):
		return "text", nil
	case accepts(c, "image/png"), accepts(c, "image/*"):
		return "png", nil
	case accepts(c, "image/svg+xml"):
		return "svg", nil
	case accepts(c, "text/*"), accepts(c, "*/*"):
		return "text", nil
	}
	return "", fault.New(fault.Invalid, problem.CodeNotAcceptable, "A pass is text/plain, image/png or image/svg+xml.")
}

// quiet is the width of the white edge that readers need (ISO/IEC 18004), in modules.
const quiet = 4

// svg draws the modules, one path for all.
func svg(code *qr.Code) []byte {
	var b bytes.Buffer
	n := code.Size + 2*quiet
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h%dv%dH0z"/><path d="`, n, n, n, n)
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			if !code.Black(x, y) {
				continue
			}
			end := x
			for end < code.Size && code.Black(end, y) {
				end++
			}
			fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, end-x, end-x)
			x = end
		}
	}
	b.WriteString(`"/></svg>`)
	return b.Bytes()
}
