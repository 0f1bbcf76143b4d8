#!/bin/sh
# Installs, upgrades, removes and purges the package in a Debian of its own, below
# .cache, and runs the ARM programs under emulation. Needs root, debootstrap and
# qemu-user-static; the machine itself is not changed.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
cache=$root/.cache/deb
work=$(mktemp -d)
sys=$work/root
cleanup() {
	umount -l "$sys/proc" 2>/dev/null || true
	umount -l "$sys" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT
say() { echo "-- $*"; }
fail() { echo "FAILED: $*" >&2 && exit 1; }
in_sys() { chroot "$sys" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }

mkdir -p "$cache"
if [ ! -f "$cache/base.tar" ]; then
	say "making a minimal Debian; this happens once"
	debootstrap --variant=minbase --include=systemd,tzdata bookworm "$work/base" >"$work/debootstrap.log" 2>&1 ||
		{ tail -5 "$work/debootstrap.log" && fail "debootstrap"; }
	tar -C "$work/base" -cf "$cache/base.tar.new" . && mv "$cache/base.tar.new" "$cache/base.tar"
	rm -rf "$work/base"
fi
mkdir -p "$sys"
mount -t tmpfs tmpfs "$sys"
tar -C "$sys" -xf "$cache/base.tar"
mount -t proc proc "$sys/proc"

say "building, twice"
debs=$work/debs
"$root/edge/packaging/build-deb.sh" 1.0.0 "$debs" amd64 arm64 armhf >/dev/null
"$root/edge/packaging/build-deb.sh" 1.0.0 "$work/again" amd64 arm64 armhf >/dev/null
"$root/edge/packaging/build-deb.sh" 1.1.0 "$debs" amd64 >/dev/null
for d in "$work/again"/*.deb; do
	cmp "$d" "$debs/$(basename "$d")" || fail "$(basename "$d") is not the same when built again"
done
cp "$debs"/*_amd64.deb "$sys/tmp/"

say "installing"
in_sys dpkg -i /tmp/openlot-edge_1.0.0_amd64.deb >/dev/null
[ "$(in_sys openlot-edge version)" = "openlot-edge v1.0.0" ] || fail "another version"
for g in gpio input dialout; do
	in_sys id -nG openlot-edge | grep -qw "$g" || fail "the user is not in group $g"
done
[ "$(in_sys stat -c '%U %a' /var/lib/openlot-edge)" = "openlot-edge 700" ] || fail "the state directory"
[ -L "$sys/etc/systemd/system/multi-user.target.wants/openlot-edge.service" ] || fail "the service is not enabled"
in_sys systemd-analyze verify --man=no openlot-edge.service || fail "the unit has mistakes"
exposure=$(in_sys systemd-analyze security --offline=yes openlot-edge.service | sed -n 's/.*exposure level[^:]*: \([0-9.]*\).*/\1/p')
say "systemd-analyze security: $exposure of 10"
[ "$(printf '%s\n' "$exposure" 3.0 | sort -n | head -1)" = "$exposure" ] || fail "the unit is too open: $exposure"
in_sys dpkg --verify openlot-edge || fail "files differ from the package"

say "upgrading keeps what the owner wrote"
echo '# mine' >>"$sys/etc/openlot/openlot-edge.yaml"
echo data >"$sys/var/lib/openlot-edge/edge.db"
echo secret >"$sys/etc/openlot/secret"
in_sys systemctl disable openlot-edge.service >/dev/null 2>&1
in_sys dpkg -i /tmp/openlot-edge_1.1.0_amd64.deb >/dev/null
[ "$(in_sys openlot-edge version)" = "openlot-edge v1.1.0" ] || fail "not upgraded"
grep -q '^# mine$' "$sys/etc/openlot/openlot-edge.yaml" || fail "the settings are lost"
[ "$(cat "$sys/var/lib/openlot-edge/edge.db")" = data ] || fail "the journal is lost"
[ ! -e "$sys/etc/systemd/system/multi-user.target.wants/openlot-edge.service" ] || fail "enabled against the owner's will"

say "an older package is refused, unless it is meant"
if in_sys dpkg -i /tmp/openlot-edge_1.0.0_amd64.deb >/dev/null 2>"$work/refused"; then fail "downgraded"; fi
grep -q 'OPENLOT_ALLOW_DOWNGRADE' "$work/refused" || fail "refused without a word"
[ "$(in_sys openlot-edge version)" = "openlot-edge v1.1.0" ] || fail "the refused one is there"
in_sys dpkg --configure -a && [ "$(in_sys dpkg-query -W -f '${Status} ${Version}' openlot-edge)" = "install ok installed 1.1.0" ] || fail "left half installed"
in_sys OPENLOT_ALLOW_DOWNGRADE=1 dpkg -i /tmp/openlot-edge_1.0.0_amd64.deb >/dev/null 2>&1
[ "$(in_sys openlot-edge version)" = "openlot-edge v1.0.0" ] || fail "not downgraded though asked to"

say "removing keeps settings and journal; purging does not"
in_sys dpkg -r openlot-edge >/dev/null
[ ! -e "$sys/usr/bin/openlot-edge" ] || fail "the program is still there"
for f in /var/lib/openlot-edge/edge.db /etc/openlot/secret /etc/openlot/openlot-edge.yaml; do
	[ -e "$sys$f" ] || fail "$f went with remove"
done
in_sys dpkg -P openlot-edge >/dev/null
for f in /var/lib/openlot-edge /etc/openlot; do
	[ ! -e "$sys$f" ] || fail "$f is left after a purge: $(ls "$sys$f")"
done

if command -v systemd-nspawn >/dev/null; then
	say "under a real systemd, in a container"
	(cd "$root" && CGO_ENABLED=0 go build -o "$work/openlot-board" ./firmware-bridge/cmd/openlot-board)
	"$root/edge/packaging/test-systemd.sh" "$debs/openlot-edge_1.0.0_amd64.deb" "$work/openlot-board"
else
	say "NOT RUN: the service under systemd (systemd-container is not installed)"
fi

say "the ARM programs, emulated"
for arch in arm64 armhf; do
	mkdir -p "$work/$arch"
	dpkg-deb -x "$debs/openlot-edge_1.0.0_$arch.deb" "$work/$arch"
done
# The processors of the Pi 3 and 4, of the Pi 2, and of the first Pi and the Zero.
for run in "arm64 aarch64 cortex-a53" "armhf arm cortex-a7" "armhf arm arm1176"; do
	set -- $run
	[ "$("qemu-$2-static" -cpu "$3" "$work/$1/usr/bin/openlot-edge" version)" = "openlot-edge v1.0.0" ] || fail "$1 on $3"
	say "$1 on $3: runs"
	(cd "$root/edge" && OPENLOT_TEST_EDGE="qemu-$2-static -cpu $3 $work/$1/usr/bin/openlot-edge" go test ./cmd/openlot-edge -run '^TestARealProgramAtTheGate$' -count=1 -v | grep -E '^(---|ok|FAIL|\s+\S+\.go)') || fail "$1 on $3 at the gate"
done
say "all well"
