package devmail

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
)

// maxDepth bounds how deep the parts of a mail are nested.
const maxDepth = 8

// Content is what a mail shows.
type Content struct {
	Text  string
	HTML  string   // images that are part of the mail are written into it
	Files []string // names of what else is attached
}

// parse reads the parts of a mail. What it cannot read is left out: the
// original is there to look at.
func parse(raw []byte) Content {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Content{Text: string(raw)}
	}
	var c Content
	images := map[string]string{} // by content id: data URL
	c.read(header{m.Header.Get}, m.Body, images, maxDepth)
	for id, data := range images {
		c.HTML = strings.ReplaceAll(c.HTML, "cid:"+id, data)
	}
	return c
}

type header struct{ get func(string) string }

func (c *Content) read(h header, body io.Reader, images map[string]string, depth int) {
	kind, params, err := mime.ParseMediaType(h.get("Content-Type"))
	if err != nil {
		kind, params = "text/plain", nil
	}
	if strings.HasPrefix(kind, "multipart/") {
		if depth == 0 {
			return
		}
		for r := multipart.NewReader(body, params["boundary"]); ; {
			p, err := r.NextRawPart()
			if err != nil {
				return
			}
			c.read(header{p.Header.Get}, p, images, depth-1)
		}
	}
	switch strings.ToLower(h.get("Content-Transfer-Encoding")) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	data, err := io.ReadAll(body)
	if err != nil && len(data) == 0 {
		return
	}
	disposition, file, _ := mime.ParseMediaType(h.get("Content-Disposition"))
	switch {
	case strings.HasPrefix(kind, "image/") && h.get("Content-Id") != "":
		images[bare(h.get("Content-Id"))] = "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(data)
	case disposition == "attachment" || !strings.HasPrefix(kind, "text/"):
		name := decodeHeader(file["filename"])
		if name == "" {
			name = kind
		}
		c.Files = append(c.Files, name)
	case kind == "text/html":
		c.HTML += strings.ToValidUTF8(string(data), "�")
	default:
		c.Text += strings.ToValidUTF8(string(data), "�")
	}
}

// decodeHeader reads the words of a header that are not ASCII.
func decodeHeader(s string) string {
	var d mime.WordDecoder
	if out, err := d.DecodeHeader(s); err == nil {
		return out
	}
	return s
}

// bare is an id without its angle brackets.
func bare(id string) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(id), "<"), ">")
}
