#!/usr/bin/env bash
# Makes sure that Go (as new as go.mod says) and a C and C++ compiler are there:
# DuckDB, linked into the binary, needs gcc and g++. On Debian and its kin, as
# root, the compilers are installed with apt; elsewhere one line says what is
# missing and the exit code is 3.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
want="$(awk '$1 == "go" { print $2 }' "$here/../../go.mod")"
if ! command -v "${GO:-go}" >/dev/null 2>&1; then
	echo "building needs Go $want or newer; missing: ${GO:-go} (see https://go.dev/dl)" >&2
	exit 3
fi

missing() {
	local m=()
	for c in "${CC:-gcc}" "${CXX:-g++}"; do
		command -v "${c%% *}" >/dev/null 2>&1 || m+=("$c")
	done
	echo "${m[*]:-}"
}

m="$(missing)"
[ -z "$m" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	echo "installing gcc and g++ with apt (missing: $m)" >&2
	export DEBIAN_FRONTEND=noninteractive
	log="$(mktemp)"
	trap 'rm -f "$log"' EXIT
	apt-get update -qq >>"$log" 2>&1 || true
	apt-get install -y -qq --no-install-recommends gcc g++ libc6-dev >>"$log" 2>&1 || tail -5 "$log" >&2
	m="$(missing)"
	[ -z "$m" ] && exit 0
fi
echo "DuckDB is linked with a C++ compiler; missing: $m (Debian: apt-get install gcc g++)" >&2
exit 3
