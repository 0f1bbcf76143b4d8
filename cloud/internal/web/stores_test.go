package web_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/openlot/openlot/cloud/internal/web"
	"github.com/openlot/openlot/protocol/fault"
)

const sum = "14:6D:E9:83:C5:73:06:50:D8:EE:B9:95:2F:34:FC:64:16:A0:83:42:E6:1D:BE:A8:8A:04:96:B2:3F:CF:44:E5"

func TestPhonesAreToldWhichAppsAreOurs(t *testing.T) {
	a, err := web.NewApps([]string{"org.example.park=" + sum, "org.example.park=" + strings.ToLower(strings.Replace(sum, "14", "15", 1))}, []string{"TEAM123456.org.example.park"})
	if err != nil {
		t.Fatal(err)
	}
	w := ask(t, a, web.AssetLinksPath)
	var links []struct {
		Relation []string
		Target   struct {
			Namespace string
			Package   string   `json:"package_name"`
			Sums      []string `json:"sha256_cert_fingerprints"`
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &links); err != nil || len(links) != 1 {
		t.Fatalf("%v %s", err, w.Body)
	}
	l := links[0]
	if !slices.Contains(l.Relation, "delegate_permission/common.handle_all_urls") || l.Target.Namespace != "android_app" ||
		l.Target.Package != "org.example.park" || len(l.Target.Sums) != 2 || l.Target.Sums[0] != sum {
		t.Errorf("%+v", l)
	}
	w = ask(t, a, web.AppSitePath)
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" || !strings.Contains(w.Body.String(), `"TEAM123456.org.example.park"`) {
		t.Errorf("%d %s %s", w.Code, w.Header(), w.Body)
	}
}

func TestWithoutAnAppNobodyIsTold(t *testing.T) {
	for _, path := range []string{web.AssetLinksPath, web.AppSitePath} {
		if w := ask(t, web.Apps{}, path); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "route_not_found") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestWhatIsNoAppIsRefused(t *testing.T) {
	for _, c := range [][2]string{
		{"org.example.park", ""},
		{"park=" + sum, ""},
		{"org.example.park=" + sum[:90], ""},
		{"org.example.park=" + strings.ReplaceAll(sum, ":", ""), ""},
		{"", "org.example.park"},
		{"", "TEAM123456"},
		{"", "team123456.org.example"},
	} {
		var android, apple []string
		if c[0] != "" {
			android = []string{c[0]}
		} else {
			apple = []string{c[1]}
		}
		var f *fault.Fault
		if _, err := web.NewApps(android, apple); !errors.As(err, &f) || f.Code != web.CodeAppInvalid {
			t.Errorf("%v: %v", c, err)
		}
	}
}

func ask(t *testing.T, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w
}

const stores = "../../web/stores"

// TestStoreProjectsAreWhole reads the projects of the stores as far as that goes
// without the vendors' tools: every file is well formed, what they refer to is there,
// and both speak of the same portal and in the same languages.
func TestStoreProjectsAreWhole(t *testing.T) {
	icon := regexp.MustCompile(`@(mipmap|drawable|color|string)/([a-z_]+)`)
	given := map[string]bool{"string/portal_url": true, "string/asset_statements": true} // made by app/build.gradle
	var asked []string
	err := filepath.WalkDir(stores, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		dir, _, _ := strings.Cut(filepath.Base(filepath.Dir(name)), "-")
		switch filepath.Ext(name) {
		case ".xml", ".plist", ".entitlements":
			for _, v := range wellFormed(t, name, b) {
				given[v] = true
			}
			for _, m := range icon.FindAllStringSubmatch(string(b), -1) {
				asked = append(asked, m[1]+"/"+m[2])
			}
			if dir == "drawable" || dir == "mipmap" {
				given[dir+"/"+strings.TrimSuffix(filepath.Base(name), ".xml")] = true
			}
		case ".json":
			if !json.Valid(b) {
				t.Errorf("%s is no JSON", name)
			}
			for _, m := range regexp.MustCompile(`"filename": "([^"]+)"`).FindAllStringSubmatch(string(b), -1) {
				if _, err := os.Stat(filepath.Join(filepath.Dir(name), m[1])); err != nil {
					t.Error(err)
				}
			}
		case ".yml":
			var v map[string]any
			if err := yaml.Unmarshal(b, &v); err != nil || v["targets"] == nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range asked {
		if !given[a] {
			t.Errorf("@%s is used and is not there", a)
		}
	}
	host := regexp.MustCompile(`(?m)(?:portalHost=|PORTAL_HOST: )(\S+)$`)
	app := regexp.MustCompile(`(?m)(?:applicationId=|PRODUCT_BUNDLE_IDENTIFIER: )(\S+)$`)
	android, ios := read(t, "android/gradle.properties"), read(t, "ios/project.yml")
	for _, p := range []*regexp.Regexp{host, app} {
		if a, i := p.FindStringSubmatch(android), p.FindStringSubmatch(ios); a == nil || i == nil || a[1] != i[1] {
			t.Errorf("Android has %q, iOS %q", a, i)
		}
	}
	key := regexp.MustCompile(`(?m)^"([^"]+)" = "[^"]+";$`)
	for _, table := range []string{"Localizable", "InfoPlist"} {
		en, de := keys(key, read(t, "ios/Openlot/en.lproj/"+table+".strings")), keys(key, read(t, "ios/Openlot/de.lproj/"+table+".strings"))
		if len(en) == 0 || !slices.Equal(en, de) {
			t.Errorf("%s: English has %q, German %q", table, en, de)
		}
	}
	swift := read(t, "ios/Openlot/PortalViewController.swift")
	// What the portal leaves to the browser, saving a file and printing, the shell has to do itself.
	for _, does := range []string{"action.shouldPerformDownload", "download.delegate = self", "downloadDidFinish", "window.print = ", "UIPrintInteractionController"} {
		if !strings.Contains(swift, does) {
			t.Errorf("the shell lacks %s", does)
		}
	}
	for _, k := range keys(key, read(t, "ios/Openlot/en.lproj/Localizable.strings")) {
		if !strings.Contains(swift, `"`+k+`"`) {
			t.Errorf("%s is said nowhere", k)
		}
	}
}

func keys(p *regexp.Regexp, text string) []string {
	var out []string
	for _, m := range p.FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	slices.Sort(out)
	return out
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(stores, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// wellFormed returns the values that an XML file of Android declares.
func wellFormed(t *testing.T, name string, b []byte) []string {
	t.Helper()
	var out []string
	d := xml.NewDecoder(strings.NewReader(string(b)))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return out
		}
		if e, ok := token.(xml.StartElement); ok && (e.Name.Local == "string" || e.Name.Local == "color") {
			for _, a := range e.Attr {
				if a.Name.Local == "name" {
					out = append(out, e.Name.Local+"/"+a.Value)
				}
			}
		}
	}
}
