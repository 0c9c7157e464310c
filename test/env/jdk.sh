#!/usr/bin/env bash
# Makes sure that java, javac and mvn can be run, for the tests against the Java
# Paimon. On Debian and its kin, as root, missing ones are installed with apt;
# elsewhere one line says what is missing and the exit code is 3.
set -euo pipefail

missing() {
	local m=()
	for c in java javac mvn; do
		command -v "$c" >/dev/null 2>&1 || m+=("$c")
	done
	echo "${m[*]:-}"
}

m="$(missing)"
[ -z "$m" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	echo "installing a JDK and Maven with apt (missing: $m)" >&2
	export DEBIAN_FRONTEND=noninteractive
	log="$(mktemp)"
	trap 'rm -f "$log"' EXIT
	install() { apt-get install -y -qq --no-install-recommends "$@" >>"$log" 2>&1; }
	apt-get update -qq >>"$log" 2>&1 || true
	install openjdk-17-jdk-headless maven || install default-jdk-headless maven || tail -5 "$log" >&2
	m="$(missing)"
	[ -z "$m" ] && exit 0
fi
echo "the tests against the Java Paimon need a JDK (17 or newer) and Maven; missing: $m (Debian: apt-get install openjdk-17-jdk-headless maven)" >&2
exit 3
