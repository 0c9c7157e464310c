#!/usr/bin/env bash
# Makes sure that a MariaDB server program is there, for the tests and the demo
# of change capture; they run servers of their own. On Debian and its kin, as
# root, it is installed with apt and the service that apt starts is kept from
# starting; elsewhere one line says what is missing and the exit code is 3.
set -euo pipefail
PATH="$PATH:/usr/sbin:/usr/local/sbin"

present() { command -v mariadbd >/dev/null 2>&1 || command -v mysqld >/dev/null 2>&1; }

present && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	echo "installing mariadb-server with apt" >&2
	export DEBIAN_FRONTEND=noninteractive
	log="$(mktemp)"
	policy=/usr/sbin/policy-rc.d
	mine=
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && mine=1
	fi
	trap 'rm -f "$log"; [ -z "$mine" ] || rm -f "$policy"' EXIT
	apt-get update -qq >>"$log" 2>&1 || true
	apt-get install -y -qq --no-install-recommends mariadb-server >>"$log" 2>&1 || tail -5 "$log" >&2
	present && exit 0
fi
echo "change-capture tests need a MariaDB server program; missing: mariadbd (Debian: apt-get install mariadb-server, then stop its service, it is not used)" >&2
exit 3
