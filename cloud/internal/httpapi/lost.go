package httpapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// pages are what the portal's addresses begin with, behind the #.
var pages = []string{"p", "r", "bookings", "login", "signup", "verify", "forgot", "reset", "account", "settings"}

// toPortal sends a browser that was told a page's address without its # to that page;
// false: this is no such request. Programs get their problem as always.
func (s *server) toPortal(c *gin.Context) bool {
	r := c.Request
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if s.Web == nil || r.Method != http.MethodGet || !accepts(c, "text/html") || !slices.Contains(pages, first) {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" && mode != "navigate" {
		return false
	}
	to := "/#" + r.URL.EscapedPath()
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	c.Header("Cache-Control", "no-store") // it may hold a token
	c.Header("Vary", "Accept, Sec-Fetch-Mode")
	c.Redirect(http.StatusFound, to)
	return true
}
