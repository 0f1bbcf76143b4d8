#!/bin/sh
# The workspace hides wrong requirements: a module may build only because a
# neighbour asks for a newer library. So each one is also built alone.
set -eu

want=$(sed -n 's/^go //p' go.work)
for mod in go.work scripts/tools/go.mod $(for m in "$@"; do echo "$m/go.mod"; done); do
	have=$(sed -n 's/^go //p' "$mod")
	if [ "$have" != "$want" ]; then
		echo "$mod says go $have, go.work says go $want" >&2
		exit 1
	fi
done
for m in "$@"; do
	echo "verify $m"
	(
		cd "$m"
		export GOWORK=off
		go build ./...
		go vet ./...
		go mod tidy -diff
	)
done
