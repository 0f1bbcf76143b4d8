#!/bin/sh
# Runs the installed service under a real systemd, in a container made from the
# Debian of test-deb.sh: ready, killed, hung, log lines, a read-only root. Needs
# root and systemd-container. Arguments: the package, and openlot-board.
set -eu

deb=$1 board=$2
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sys=$work/root
mkdir "$sys"
tar -C "$sys" -xf "$root/.cache/deb/base.tar"
cp "$deb" "$sys/tmp/edge.deb"
cp "$board" "$sys/usr/bin/openlot-board"
chroot "$sys" dpkg -i /tmp/edge.deb >/dev/null
echo not-a-real-secret >"$sys/etc/openlot/secret"
chroot "$sys" chgrp openlot-edge /etc/openlot/secret
chmod 640 "$sys/etc/openlot/secret"
# No cloud answers here: the gates do not need one.
sed -i -e 's|/dev/ttyACM0|/var/lib/twin/board|' -e 's|edg_[0-9a-z]*|edg_7zzzzzzzzzzzzzzzzzzzzzzzzz|' -e 's|^mqtt:.*|mqtt: tcp://127.0.0.1:1|' "$sys/etc/openlot/openlot-edge.yaml"
cat >"$sys/etc/systemd/system/twin.service" <<-'UNIT'
	[Service]
	User=openlot-edge
	StateDirectory=twin
	ExecStart=/usr/bin/openlot-board twin --pty /var/lib/twin/board --gates entry-1:entry,exit-1:exit --speed 10
UNIT
cat >"$sys/etc/systemd/system/check.service" <<-'UNIT'
	[Service]
	Type=oneshot
	ExecStart=/bin/bash /check.sh
	ExecStopPost=/bin/systemctl poweroff --no-block
	[Install]
	WantedBy=multi-user.target
UNIT
cat >"$sys/check.sh" <<-'CHECK'
	exec >/out/result 2>&1
	set -eu
	fail() { echo "FAILED: $*"; systemctl status openlot-edge --no-pager -l | head -30; journalctl -u openlot-edge --no-pager | tail -40; exit 1; }
	show() { systemctl show -P "$1" openlot-edge; }
	# until CONDITION… waits for it, a minute at most
	until_() { for _ in $(seq 600); do if eval "$*"; then return 0; fi; sleep 0.1; done; fail "never: $*"; }
	ask() { exec 3<>/dev/tcp/127.0.0.1/8090; printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&3; cat <&3; exec 3>&-; }
	systemctl stop openlot-edge
	systemctl start twin
	if touch /etc/x 2>/dev/null; then writable=yes; else writable=no; fi
	[ "$writable" = "$(cat /out/writable)" ] || fail "the root: writable $writable"
	until_ '[ -e /var/lib/twin/board ]'
	systemctl start openlot-edge || fail "it does not start"
	[ "$(show User) $(show SubState)" = "openlot-edge running" ] || fail "$(show User) $(show SubState)"
	ask /healthz | grep -q '"ok"' || fail "not healthy"
	until_ 'ask /state | grep -q "\"board\":true"'
	until_ 'show StatusText | grep -q "2 lanes; board connected; cloud down"'
	echo "ready: $(show StatusText)"
	journalctl -u openlot-edge -o json --no-pager | grep 'agent started' | grep -q '"PRIORITY":"6"' || fail "the level is lost"
	if journalctl -u openlot-edge -o cat --no-pager | grep -E '^<[0-9]>|time=20'; then fail "a level or a time in the text"; fi
	journalctl -u openlot-edge -o cat --no-pager | grep 'agent started'
	[ "$(stat -c %U /var/lib/openlot-edge/edge.db)" = openlot-edge ] || fail "whose journal"
	[ "$writable" = yes ] || { systemctl stop openlot-edge; echo "read-only root: runs"; echo ALL WELL; exit; }
	kill -9 "$(show MainPID)"
	until_ '[ "$(show NRestarts)" = 1 ] && [ "$(show SubState)" = running ]'
	echo "killed: runs again"
	kill -STOP "$(show MainPID)"
	until_ '[ "$(show NRestarts)" = 2 ] && [ "$(show SubState)" = running ]'
	journalctl -u openlot-edge --no-pager | grep -q 'Watchdog timeout' || fail "not the watchdog"
	journalctl -u openlot-edge -o cat --no-pager | grep -q 'SIGABRT' || fail "no trace of what hung"
	echo "hung: ended by the watchdog, runs again"
	systemctl stop openlot-edge
	[ "$(show Result)" = success ] || fail "the end: $(show Result)"
	echo ALL WELL
CHECK
sed -i 's/^\t//' "$sys/check.sh"
mkdir -p "$sys/etc/systemd/system/multi-user.target.wants"
ln -s ../check.service "$sys/etc/systemd/system/multi-user.target.wants/"
ln -sf /lib/systemd/system/multi-user.target "$sys/etc/systemd/system/default.target"
mkdir -p "$work/out" "$work/state" "$work/twin" "$sys/out" "$sys/var/lib/twin"

# boot WRITABLE ARGUMENT… boots the container until the checks are over. A mount
# namespace of its own: what the container mounts is gone with it.
boot() {
	echo "$1" >"$work/out/writable"
	echo "the checks did not begin" >"$work/out/result"
	shift
	timeout 300 unshare -m --propagation private sh -c 'mkdir -p /run/systemd && mount -t tmpfs tmpfs /run/systemd && exec "$@"' sh \
		systemd-nspawn --quiet --directory="$sys" --boot --register=no --keep-unit --console=pipe --bind="$work/out:/out" "$@" \
		</dev/null >"$work/console" 2>&1 || tail -5 "$work/console"
	sed 's/^/-- systemd: /' "$work/out/result"
	grep -q '^ALL WELL$' "$work/out/result"
}
boot yes
boot no --read-only --bind="$work/state:/var/lib/openlot-edge" --bind="$work/twin:/var/lib/twin"
