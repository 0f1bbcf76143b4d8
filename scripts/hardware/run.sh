#!/bin/sh
# Runs the tests with the tag "hardware" and the real openlot-edge on a kernel with
# simulated GPIO chips. Arguments go to the tests, such as -test.run=Story.
set -eu
cd "$(dirname "$0")/../.."
cache=.cache/hardware
scripts/hardware/kernel.sh "$cache"

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT INT TERM
mkdir "$root/fs"
echo 'building the tests and openlot-edge'
export CGO_ENABLED=0
go build -o "$root/fs/init" ./scripts/hardware/cmd/init
go build -trimpath -o "$root/fs/openlot-edge" ./edge/cmd/openlot-edge
go test -c -tags hardware -o "$root/fs/hardware.test" ./edge/internal/device/gpio
(cd "$root/fs" && find . | cpio -o -H newc 2>/dev/null | gzip -1) >"$root/initramfs.gz"

# Its time is its own (see uml.config) and begins now. 20 minutes of the host are
# more than enough.
timeout 1200 "$cache/linux" mem=512M initrd="$root/initramfs.gz" rdinit=/init \
	time-travel=inf-cpu con=null con0=fd:0,fd:1 quiet panic=-1 -- \
	-test.v -test.timeout=3h "$@" </dev/null >"$root/log" 2>&1 &
linux=$!
trap 'kill $linux 2>/dev/null || :; rm -rf "$root"' EXIT INT TERM
tail -f --pid=$linux "$root/log"
wait $linux || :
grep -q '^hardware tests ended with 0' "$root/log" || {
	echo 'the tests on real GPIO lines failed' >&2
	exit 1
}
