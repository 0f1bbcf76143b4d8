// Package web serves what people see in a browser: the apps of cloud/web, which are
// embedded when they were built before the program was. The drivers' portal is at "/",
// the owners' dashboard at /owner,
// the page of the design system at /design. Fonts, the icon and the style sheet of
// receipts are embedded as they are.
package web

import (
	"embed"
	"io/fs"
	"net/http"
	"strings"

	"github.com/openlot/openlot/cloud/internal/problem"
	"github.com/openlot/openlot/protocol/fault"
)

//go:embed assets
var assets embed.FS

// dist holds what `make web` built, and always a README that says how.
//
//go:embed all:dist
var dist embed.FS

// Outside are origins that pages may use beside their own: those of a payment
// provider whose fields take the card.
type Outside struct {
	Scripts, Frames, Calls []string
}

// policy lets the page load what is embedded here and call this server, and
// nothing else but what is named. Pictures may also come from the page itself: the
// pass is kept for when there is no network. The map draws with a worker of its own,
// which is a file here, too.
func (o Outside) policy() string {
	from := func(name string, own []string, more []string) string {
		all := append(own, more...)
		if len(all) == 0 {
			return ""
		}
		return name + " " + strings.Join(all, " ") + "; "
	}
	self := func() []string { return []string{"'self'"} }
	return "default-src 'none'; " + from("script-src", self(), o.Scripts) + "worker-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
		from("connect-src", self(), o.Calls) + from("frame-src", nil, o.Frames) +
		"manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// apps are the folders of dist; each is served at the address of its name.
var apps = []string{"design", "owner"}

// unbuilt stands where an app would be.
const unbuilt = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>Not built · Openlot</title>
<link rel="stylesheet" href="/assets/app.css">
</head>
<body>
<main>
<h1>This page was not built</h1>
<p>The program was built on a machine without Node. To have this page, install Node 20.19 or newer, run <code>make web</code> and then <code>make build</code>, and start the program again.</p>
<p>The API is here as always; <a href="/docs">this is its description</a>.</p>
</main>
</body>
</html>
`

// Handler serves "/", what is below "/assets/", and the apps, without a basemap.
func Handler(o Outside) http.Handler {
	return handler(dist, o, basemap{})
}

// handler serves the apps from a folder "dist" of built.
func handler(built fs.FS, o Outside, ground basemap) http.Handler {
	o.Calls = append(ground.calls(), o.Calls...)
	policy := o.policy()
	files := map[string]file{}
	for _, from := range []struct {
		fs   fs.FS
		root string
		at   string // what the names begin with
	}{{assets, "assets", "assets/"}, {built, "dist", ""}} {
		if err := load(files, from.fs, from.root, from.at); err != nil {
			// The files are part of the program.
			panic("web: " + err.Error())
		}
	}
	missing := newFile("unbuilt.html", []byte(unbuilt))
	missing.status = http.StatusNotFound
	index := map[string]file{"": missing}
	if page, ok := files["portal/index.html"]; ok {
		page = newFile("portal/index.html", ground.tell(page.plain))
		index[""], files["portal/index.html"] = page, page
	}
	for _, app := range apps {
		page, ok := files[app+"/index.html"]
		if !ok {
			page = missing
		}
		index[app], index[app+"/"] = page, page
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		if name == "basemap.pmtiles" && ground.file != "" {
			ground.send(w, r)
			return
		}
		f, ok := index[name]
		if !ok {
			f, ok = files[name]
		}
		switch {
		case !ok:
			problem.Write(w, r, fault.New(fault.NotFound, problem.CodeRouteNotFound, "There is nothing at this address."))
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			problem.Write(w, r, fault.New(fault.Invalid, problem.CodeMethodNotAllowed, "This address can only be read."))
		default:
			if name == "portal/sw.js" {
				w.Header().Set("Service-Worker-Allowed", "/") // it keeps the page at "/", from a folder below
			}
			f.send(w, r, policy)
		}
	})
}

// load adds the files below root under their names with root replaced by at.
func load(files map[string]file, from fs.FS, root, at string) error {
	return fs.WalkDir(from, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		plain, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		served := at + strings.TrimPrefix(name, root+"/")
		if !strings.Contains(served, "/") {
			return nil // what lies beside the apps is for people who build
		}
		files[served] = newFile(served, plain)
		return nil
	})
}
