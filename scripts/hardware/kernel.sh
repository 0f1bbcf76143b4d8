#!/bin/sh
# Builds a Linux with a simulated GPIO chip from Debian's kernel sources: as $1/linux
# a user-mode Linux, which boots without root, KVM or QEMU; with arm64 as a second
# argument $1/Image, which QEMU boots. Nothing of the kernel is part of this
# repository; this script, the configurations and the sources that Debian serves make
# it, once.
set -eu

cache=$1
case ${2:-um} in
um) arch=um config=uml.config target=linux kernel=linux cross= ;;
arm64) arch=arm64 config=arm64.config target=Image kernel=Image cross=aarch64-linux-gnu- ;;
*)
	echo "no kernel is made for $2; say um or arm64" >&2
	exit 2
	;;
esac
here=$(cd "$(dirname "$0")" && pwd)

fail() {
	echo "$@" >&2
	exit 1
}

stamp=$(cat "$0" "$here/base.config" "$here/$config" | cksum | tr ' ' '-')
if [ -e "$cache/$kernel" ] && [ "$(cat "$cache/$kernel.stamp" 2>/dev/null)" = "$stamp" ]; then
	exit 0
fi

[ $arch = arm64 ] || [ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] ||
	fail 'User-mode Linux runs on x86-64 Linux only; this is' "$(uname -s)-$(uname -m)."

# The tools that build a kernel.
missing=
for tool in gcc make flex bison bc xz cpio ${cross:+${cross}gcc qemu-system-aarch64}; do
	command -v $tool >/dev/null || case $tool in
	xz) missing="$missing xz-utils" ;;
	*-gcc) missing="$missing gcc-aarch64-linux-gnu libc6-dev-arm64-cross" ;;
	qemu-*) missing="$missing qemu-system-arm" ;;
	*) missing="$missing $tool" ;;
	esac
done
if [ ! -e /usr/include/stdio.h ]; then missing="$missing libc6-dev"; fi
sudo=
[ "$(id -u)" = 0 ] || sudo='sudo -n'
if [ -n "$missing" ]; then
	command -v apt-get >/dev/null || fail "Missing:$missing. Install them and run this again."
	echo "installing$missing"
	$sudo apt-get update -qq || fail "apt-get update failed. To install by hand: apt-get install$missing"
	DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
		fail "To install by hand: apt-get install$missing"
fi

# The sources: the package is only unpacked, not installed.
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
work=$cache/kernel
rm -rf "$work"
mkdir -p "$work/src" "$work/out"
if ! ls "$cache"/linux-source-*.deb >/dev/null 2>&1; then
	command -v apt-get >/dev/null ||
		fail "The kernel's sources come from Debian's package linux-source; put its .deb into $cache."
	package=$(apt-cache depends linux-source 2>/dev/null | sed -n 's/^ *Depends: *\(linux-source-[0-9.]*\)$/\1/p' | head -n 1)
	if [ -z "$package" ]; then
		$sudo apt-get update -qq || fail 'apt-get update failed, and no linux-source is known.'
		package=$(apt-cache depends linux-source 2>/dev/null | sed -n 's/^ *Depends: *\(linux-source-[0-9.]*\)$/\1/p' | head -n 1)
	fi
	[ -n "$package" ] || fail "apt knows no linux-source package. Put Debian's linux-source-6.1 .deb into $cache."
	echo "fetching $package"
	(cd "$cache" && apt-get download -qq "$package" 2>"$work/log") || {
		cat "$work/log" >&2
		fail "$package could not be fetched"
	}
fi
echo 'unpacking the kernel'
dpkg-deb --fsys-tarfile "$(ls "$cache"/linux-source-*.deb | tail -n 1)" |
	tar -xO --wildcards './usr/src/linux-source-*.tar.xz' | tar -xJ -C "$work/src" --strip-components=1

# The register file of a processor with AMX is 11 KiB, and the kernel of the host
# takes all of it or nothing. Newer user-mode Linux asks for the size; 6.1 knows
# a number.
offsets=$work/src/arch/x86/um/user-offsets.c
if grep -q 'DEFINE_LONGS(HOST_FP_SIZE, 2696)' "$offsets"; then
	sed -i 's/DEFINE_LONGS(HOST_FP_SIZE, 2696)/DEFINE_LONGS(HOST_FP_SIZE, 12288)/' "$offsets"
fi

cd "$work/src"
kbuild() { make ARCH=$arch CROSS_COMPILE=$cross O="$work/out" "$@" >>"$work/log" 2>&1 || {
	tail -n 30 "$work/log" >&2
	fail "building the kernel failed; all of it is in $work/log"
}; }
kbuild tinyconfig
ARCH=$arch ./scripts/kconfig/merge_config.sh -O "$work/out" -m "$work/out/.config" "$here/base.config" "$here/$config" >>"$work/log"
kbuild olddefconfig
for option in $(sed -n 's/^\(CONFIG_[A-Z0-9_]*\)=.*/\1/p' "$here/base.config" "$here/$config"); do
	grep -q "^$option=" "$work/out/.config" || fail "this kernel cannot have $option"
done
echo 'building the kernel: a few minutes, once'
kbuild -j"${JOBS:-$(nproc)}" $target
cp "$work/out/$([ $arch = um ] || echo arch/$arch/boot/)$kernel" "$cache/$kernel"
rm -rf "$work"
rm -f "$cache"/linux-source-*.deb
echo "$stamp" >"$cache/$kernel.stamp"
