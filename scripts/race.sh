#!/bin/sh
# Prints -race when this machine can build with the race detector, which on Linux
# takes a C compiler. As root (or with passwordless sudo) on Debian and Ubuntu a
# missing one is installed; elsewhere the tests run without, and we say so.
set -eu

# Tests of the edge damage the pages that bbolt reads. What it makes of them is an error
# or a panic that is caught; the check of pointers that comes with -race would end the
# process instead, so bbolt alone goes without.
race="-race -gcflags=go.etcd.io/bbolt/...=-d=checkptr=0"

compiler() {
	[ "$(go env CGO_ENABLED)" = 1 ] && command -v "$(go env CC | cut -d' ' -f1)" >/dev/null
}

if [ "$(uname -s)" = Darwin ] || compiler; then
	echo "$race"
	exit 0
fi
if command -v apt-get >/dev/null; then
	as_root=
	[ "$(id -u)" = 0 ] || as_root='sudo -n'
	if [ -z "$as_root" ] || sudo -n true 2>/dev/null; then
		echo 'installing a C compiler for the race detector; this happens once' >&2
		{
			$as_root apt-get -qq -o DPkg::Lock::Timeout=120 update &&
				$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 \
					install -y --no-install-recommends gcc libc6-dev
		} >&2 </dev/null || true
	fi
fi
if compiler; then
	echo "$race"
else
	echo 'no C compiler: testing without the race detector (install gcc to have it)' >&2
fi
