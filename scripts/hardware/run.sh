#!/bin/sh
# Runs the tests with the tag "hardware" and the real openlot-edge on a kernel with
# simulated GPIO chips: a user-mode Linux, or with ARCH=arm64 one in an emulated
# processor such as a Pi's. Arguments go to the tests, such as -test.run=Story.
set -eu
cd "$(dirname "$0")/../.."
cache=.cache/hardware
arch=${ARCH:-um}
scripts/hardware/kernel.sh "$cache" "$arch"

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT INT TERM
mkdir "$root/fs"
echo 'building the tests and openlot-edge'
export CGO_ENABLED=0
if [ "$arch" = arm64 ]; then export GOOS=linux GOARCH=arm64; fi
go build -o "$root/fs/init" ./scripts/hardware/cmd/init
go build -trimpath -o "$root/fs/openlot-edge" ./edge/cmd/openlot-edge
go test -c -tags hardware -o "$root/fs/hardware.test" ./edge/internal/device/gpio
(cd "$root/fs" && find . | cpio -o -H newc 2>/dev/null | gzip -1) >"$root/initramfs.gz"

# Its time is its own and begins now: it stands still while the kernel computes, and
# jumps when it waits, so that a busy host cannot make a bounce last. 20 minutes of the
# host are more than enough.
tests="-test.v -test.timeout=3h $*"
if [ "$arch" = arm64 ]; then
	set -- qemu-system-aarch64 -M virt -cpu cortex-a72 -m 512 -nodefaults -display none -serial stdio -no-reboot \
		-accel tcg,thread=single -icount shift=0,sleep=off \
		-kernel "$cache/Image" -initrd "$root/initramfs.gz" -append "console=ttyAMA0 rdinit=/init quiet panic=-1 -- $tests"
else
	# shellcheck disable=SC2086 # arguments of the kernel
	set -- "$cache/linux" mem=512M initrd="$root/initramfs.gz" rdinit=/init \
		time-travel=inf-cpu con=null con0=fd:0,fd:1 quiet panic=-1 -- $tests
fi
timeout 1200 "$@" </dev/null >"$root/log" 2>&1 &
linux=$!
trap 'kill $linux 2>/dev/null || :; rm -rf "$root"' EXIT INT TERM
tail -f --pid=$linux "$root/log"
wait $linux || :
grep -q '^hardware tests ended with 0' "$root/log" || {
	echo 'the tests on real GPIO lines failed' >&2
	exit 1
}
