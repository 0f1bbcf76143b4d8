package web

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/openlot/openlot/cloud/internal/problem"
	"github.com/openlot/openlot/protocol/fault"
)

// CodeAppInvalid is the fault code of an app's name that cannot be used.
const CodeAppInvalid = "app_invalid"

// Addresses at which the systems of phones look which apps may act for this site.
const (
	AssetLinksPath = "/.well-known/assetlinks.json"               // Android: developers.google.com/digital-asset-links
	AppSitePath    = "/.well-known/apple-app-site-association"    // iOS: Apple's "Supporting associated domains"
	appleJSON      = "application/json"                           // without a charset, as Apple wants it
	opensLinks     = "delegate_permission/common.handle_all_urls" // the portal's addresses open in the app, without the browser's bar
	sharesLogins   = "delegate_permission/common.get_login_creds" // passwords and passkeys of the site are the app's
)

var (
	androidName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]*(\.[a-zA-Z][a-zA-Z0-9_]*)+$`)
	certificate = regexp.MustCompile(`^([0-9A-F]{2}:){31}[0-9A-F]{2}$`)
	appleName   = regexp.MustCompile(`^[A-Z0-9]{10}(\.[a-zA-Z0-9-]+)+$`)
)

// Apps are the apps in the stores that are this portal. The zero value is none.
type Apps struct {
	android []androidApp
	apple   []string
}

type androidApp struct {
	name         string
	certificates []string
}

// NewApps reads the names of apps: android as "org.example.park=AA:BB:…", the
// application's id and the SHA-256 of a certificate that it is signed with (once for
// each certificate), apple as "TEAM123456.org.example.park". A fault with
// CodeAppInvalid when one cannot be read.
func NewApps(android, apple []string) (Apps, error) {
	var a Apps
	for _, text := range android {
		name, sum, _ := strings.Cut(text, "=")
		sum = strings.ToUpper(sum)
		if !androidName.MatchString(name) || !certificate.MatchString(sum) {
			return Apps{}, fault.Newf(fault.Invalid, CodeAppInvalid, "%q is no Android app: write org.example.park=AA:BB:…, the application's id and the SHA-256 of its certificate", text)
		}
		a.add(name, sum)
	}
	for _, text := range apple {
		if !appleName.MatchString(text) {
			return Apps{}, fault.Newf(fault.Invalid, CodeAppInvalid, "%q is no iOS app: write TEAM123456.org.example.park, the team's id and the bundle's", text)
		}
		a.apple = append(a.apple, text)
	}
	return a, nil
}

func (a *Apps) add(name, sum string) {
	for i := range a.android {
		if a.android[i].name == name {
			a.android[i].certificates = append(a.android[i].certificates, sum)
			return
		}
	}
	a.android = append(a.android, androidApp{name, []string{sum}})
}

// ServeHTTP answers AssetLinksPath and AppSitePath; 404 where no app is known.
func (a Apps) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var v any
	switch {
	case r.URL.Path == AssetLinksPath && len(a.android) > 0:
		v = a.assetLinks()
	case r.URL.Path == AppSitePath && len(a.apple) > 0:
		v = a.appSite()
	default:
		problem.Write(w, r, fault.New(fault.NotFound, problem.CodeRouteNotFound, "There is nothing at this address."))
		return
	}
	w.Header().Set("Content-Type", appleJSON)
	w.Header().Set("Cache-Control", "public, max-age=3600")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_ = json.NewEncoder(w).Encode(v) // the caller is gone if it fails
}

type statement struct {
	Relation []string `json:"relation"`
	Target   target   `json:"target"`
}

type target struct {
	Namespace    string   `json:"namespace"`
	Package      string   `json:"package_name"`
	Certificates []string `json:"sha256_cert_fingerprints"`
}

func (a Apps) assetLinks() []statement {
	var out []statement
	for _, app := range a.android {
		out = append(out, statement{[]string{opensLinks, sharesLogins}, target{"android_app", app.name, app.certificates}})
	}
	return out
}

// appSite lets the app open the pages of the portal, and not those that only a
// browser has a use for.
func (a Apps) appSite() any {
	type component map[string]any
	type details struct {
		AppIDs     []string    `json:"appIDs"`
		Components []component `json:"components"`
	}
	return map[string]any{
		"applinks":       map[string]any{"details": []details{{a.apple, []component{{"/": "/"}}}}},
		"webcredentials": map[string]any{"apps": a.apple},
	}
}
