#!/usr/bin/env bash
# Runs every fuzz test of the tree for a while, one after the other; Go runs
# one target at a time. REGEX looks at file and name. usage: fuzz.sh TIME [REGEX]
set -euo pipefail
time="${1:-10s}" only="${2:-.}"
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
ran=0
while IFS=: read -r file name; do
	[[ "$file $name" =~ $only ]] || continue
	echo "== $name in $(dirname "$file")"
	"${GO:-go}" test "./$(dirname "$file")" -run '^$' -fuzz "^$name\$" -fuzztime "$time" -parallel "${JOBS:-2}"
	ran=$((ran + 1))
done < <(grep -rHoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' cmd internal paimon | sed 's/func //' | sort)
[ "$ran" -gt 0 ] || { echo "no fuzz test matches $only" >&2; exit 1; }
echo "$ran fuzz tests ran for $time each"
