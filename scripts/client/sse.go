package client

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Frame is one server-sent event.
type Frame struct {
	Event string
	ID    string
	Data  []byte
	At    time.Time // when its last byte was here
}

// maxFrame bounds one line of a stream.
const maxFrame = 8 << 20

// Follow opens a stream of server-sent events and calls handle with each, until
// handle returns false, the stream ends, or ctx does. It returns nil only when
// handle ended it.
func Follow(ctx context.Context, c *http.Client, url, token string, handle func(Frame) bool) error {
	return FollowFrom(ctx, c, url, token, "", handle)
}

// FollowFrom is Follow for a client that comes back: lastID is the id of the frame
// that it has seen last.
func FollowFrom(ctx context.Context, c *http.Client, url, token, lastID string, handle func(Frame) bool) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // what was read is what counts
	if resp.StatusCode != http.StatusOK {
		return problem(req, resp)
	}
	if t := resp.Header.Get("Content-Type"); !strings.HasPrefix(t, "text/event-stream") {
		return fmt.Errorf("%s answers with %q, not with a stream", url, t)
	}
	return read(resp.Body, handle)
}

// read splits a stream into frames.
func read(r io.Reader, handle func(Frame) bool) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxFrame)
	var f Frame
	some := false
	for lines.Scan() {
		line := lines.Bytes()
		if len(line) == 0 {
			if some {
				f.At = time.Now()
				if !handle(f) {
					return nil
				}
			}
			f, some = Frame{}, false
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "event":
			f.Event, some = string(value), true
		case "id":
			f.ID = string(value)
		case "data":
			if f.Data != nil {
				f.Data = append(f.Data, '\n')
			}
			f.Data, some = append(f.Data, value...), true
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.ErrUnexpectedEOF
}
