#!/bin/sh
# The web apps of cloud/web, where Node and npm are there.
#   web.sh build     build them into cloud/internal/web/dist
#   web.sh optional  the same if that is possible here; says why if it is not
#   web.sh test      check the types, run the unit tests and build, if npm is there
#   web.sh e2e       look at the built pages in Chromium; needs bin/openlot-web
set -eu
cd "$(dirname "$0")/../cloud/web"

# Prints what is missing; nothing if all is there.
missing() {
	command -v npm >/dev/null 2>&1 || { echo 'npm is not installed'; return; }
	node -e 'const [a,b]=process.versions.node.split(".");process.exit(a>20||a==20&&b>=19?0:1)' ||
		echo "Node is $(node --version) and must be 20.19 or newer"
}

# Once, and again when the lock file has changed.
install() {
	cmp -s package-lock.json node_modules/.openlot-lock && return
	npm ci --loglevel=error || return
	cp package-lock.json node_modules/.openlot-lock
}

# What was built is newer than everything it was built from.
fresh() {
	built=../internal/web/dist/portal/index.html # the last that is built
	[ -f "$built" ] && [ -z "$(find . ../api/openapi.yaml ../internal/web/assets/fonts \
		\( -name node_modules -o -name .artefacts -o -name schema.d.ts \) -prune -o -type f -newer "$built" -print)" ]
}

why=$(missing)
case ${1:-} in
build)
	[ -z "$why" ] || { echo "make web: $why" >&2; exit 1; }
	install
	npm run --silent build
	;;
optional)
	if fresh; then exit 0; fi
	if [ -n "$why" ]; then
		echo "the web apps are left out: $why"
	elif ! install; then
		echo 'the web apps are left out: npm ci failed (see above)'
	else
		npm run --silent build
	fi
	;;
test)
	[ -z "$why" ] || { echo "the web apps are not tested: $why"; exit 0; }
	install
	npm run --silent check
	npm run --silent test
	npm run --silent build # the tests of the Go side look at it
	;;
e2e)
	[ -z "$why" ] || { echo "make e2e: $why" >&2; exit 1; }
	install
	if ! command -v chromium >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		apt-get -qq update && apt-get -qq install -y --no-install-recommends chromium
	fi
	npm run --silent e2e
	;;
*)
	sed -n '2,7p' "$0" >&2
	exit 2
	;;
esac
