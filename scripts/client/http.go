package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Problem is an answer that says why not (RFC 9457).
type Problem struct {
	Method, URL string
	Status      int
	Code        string            `json:"code"`
	Detail      string            `json:"detail"`
	Fields      map[string]string `json:"fields"`
}

// Error is one line with all that the server said.
func (p *Problem) Error() string {
	s := fmt.Sprintf("%s %s answers %d %s: %s", p.Method, p.URL, p.Status, p.Code, p.Detail)
	if len(p.Fields) > 0 {
		s += fmt.Sprintf(" %v", p.Fields)
	}
	return s
}

// Code is the stable code of a problem anywhere in an error, or empty.
func Code(err error) string {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p.Code
	}
	return ""
}

// NewHTTP makes a client for many requests to few servers. It has no overall
// time limit: streams last.
func NewHTTP() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		MaxIdleConnsPerHost:   256,
		IdleConnTimeout:       time.Minute,
		ResponseHeaderTimeout: time.Minute,
	}}
}

func problem(req *http.Request, resp *http.Response) error {
	p := &Problem{Method: req.Method, URL: req.URL.String(), Status: resp.StatusCode}
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // the status says enough
	if json.Unmarshal(b, p) != nil || p.Code == "" {
		p.Detail = string(bytes.TrimSpace(b))
	}
	return p
}

// head is an answer without its body.
type head struct {
	status int
	header http.Header
}

// call sends body as JSON, unless nil, and reads the answer into into, unless
// nil. It returns the answer's status and headers.
func call(ctx context.Context, c *http.Client, method, url string, header map[string]string, body, into any) (head, error) {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return head{}, err
		}
		content = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, content)
	if err != nil {
		return head{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := c.Do(req)
	if err != nil {
		return head{}, err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end, or of no interest
	h := head{resp.StatusCode, resp.Header}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return h, problem(req, resp)
	}
	if into == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		return h, err
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return h, fmt.Errorf("%s %s answers what cannot be read: %w", method, url, err)
	}
	return h, nil
}
