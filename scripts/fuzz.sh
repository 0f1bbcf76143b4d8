#!/bin/sh
# Runs every fuzz target of the given modules for $FUZZTIME each; Go fuzzes one
# target at a time. Stops at the first input that breaks one and leaves it in the
# package's testdata, where it is a test from then on.
set -eu

found=0
for module in "$@"; do
	for file in $(find "$module" -name '*_test.go' -exec grep -l '^func Fuzz' {} +); do
		dir=$(dirname "$file")
		for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
			found=$((found + 1))
			echo "fuzz $dir $target"
			go test "./$dir" -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-30s}"
		done
	done
done
if [ "$found" = 0 ]; then
	echo 'no fuzz targets found' >&2
	exit 1
fi
