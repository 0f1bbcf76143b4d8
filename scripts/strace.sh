#!/bin/sh
# The tests of the edge's store cut its writes short with strace, on Linux only.
# On Debian and Ubuntu a missing one is installed, as root or with passwordless
# sudo; elsewhere those tests say that they need it.
set -eu

if [ "$(uname -s)" != Linux ] || command -v strace >/dev/null; then
	exit 0
fi
command -v apt-get >/dev/null || exit 0
as_root=
[ "$(id -u)" = 0 ] || as_root='sudo -n'
if [ -z "$as_root" ] || sudo -n true 2>/dev/null; then
	echo 'installing strace for the tests of the edge store; this happens once' >&2
	{
		$as_root apt-get -qq -o DPkg::Lock::Timeout=120 update &&
			$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 \
				install -y --no-install-recommends strace
	} >&2 </dev/null || true
fi
