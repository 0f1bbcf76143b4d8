#!/bin/sh
# Builds the Debian packages of the edge agent: build-deb.sh VERSION OUT ARCH…
# The same sources, version and Go give the same bytes. Needs dpkg-deb.
set -eu

version=$1 out=$2
shift 2
root=$(cd "$(dirname "$0")/../.." && pwd)
src=$root/edge/packaging
: "${SOURCE_DATE_EPOCH:=$(git -C "$root" log -1 --format=%ct 2>/dev/null || echo 1767225600)}"
export SOURCE_DATE_EPOCH LC_ALL=C
umask 022
mkdir -p "$out"
out=$(cd "$out" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

for arch in "$@"; do
	case $arch in
	# armhf is one package for all Pis, the first and the Zero included: their
	# processor is an ARMv6, and code for ARMv7 does not run on it.
	armhf) goarch=arm goarm=6 ;;
	amd64 | arm64) goarch=$arch goarm= ;;
	*) echo "build-deb.sh: $arch: want amd64, arm64 or armhf" >&2 && exit 2 ;;
	esac
	d=$tmp/$arch
	mkdir -p "$d/DEBIAN" "$d/usr/bin" "$d/etc/openlot" "$d/usr/lib/systemd/system" "$d/usr/lib/sysusers.d" \
		"$d/usr/lib/udev/rules.d" "$d/usr/share/man/man1" "$d/usr/share/doc/openlot-edge"
	(cd "$root" && CGO_ENABLED=0 GOOS=linux GOARCH=$goarch GOARM=$goarm go build -trimpath -buildvcs=false \
		-ldflags "-s -w -buildid= -X main.version=v$(echo "$version" | tr '~' '-')" -o "$d/usr/bin/openlot-edge" ./edge/cmd/openlot-edge)
	install -m 644 "$src/openlot-edge.yaml" "$src/update-keys" "$d/etc/openlot/"
	install -m 644 "$src/openlot-edge.service" "$d/usr/lib/systemd/system/"
	install -m 644 "$src/openlot-edge.sysusers" "$d/usr/lib/sysusers.d/openlot-edge.conf"
	install -m 644 "$src/openlot-edge.rules" "$d/usr/lib/udev/rules.d/60-openlot-edge.rules"
	gzip -9nc "$src/openlot-edge.1" >"$d/usr/share/man/man1/openlot-edge.1.gz"
	gzip -9nc "$root/CHANGELOG.md" >"$d/usr/share/doc/openlot-edge/NEWS.md.gz"
	install -m 644 "$src/debian/copyright" "$root/edge/cmd/openlot-edge/deps.txt" "$root/edge/docs/"*.md "$d/usr/share/doc/openlot-edge/"
	for script in preinst postinst prerm postrm; do
		sed "s/@VERSION@/$version/g" "$src/debian/$script" >"$d/DEBIAN/$script"
		chmod 755 "$d/DEBIAN/$script"
	done
	printf '%s\n' /etc/openlot/openlot-edge.yaml /etc/openlot/update-keys >"$d/DEBIAN/conffiles"
	(cd "$d" && find etc usr -type f | sort | xargs md5sum >DEBIAN/md5sums)
	cat >"$d/DEBIAN/control" <<-CONTROL
		Package: openlot-edge
		Version: $version
		Architecture: $arch
		Maintainer: The authors of Openlot <openlot@localhost>
		Installed-Size: $(du -sk --apparent-size "$d" | cut -f1)
		Depends: systemd (>= 247), tzdata
		Recommends: ca-certificates, udev
		Section: net
		Priority: optional
		Description: agent of one Openlot parking
		 Drives the gates of a parking, decides who may pass also without a network,
		 and keeps a journal of what happened until the cloud has it.
	CONTROL
	find "$d" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	dpkg-deb --root-owner-group -Zgzip --build "$d" "$out/openlot-edge_${version}_$arch.deb" >/dev/null
	echo "$out/openlot-edge_${version}_$arch.deb"
done
