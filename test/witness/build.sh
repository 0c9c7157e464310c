#!/usr/bin/env bash
# Builds the witness for two releases of the Java Paimon:
#   OUT/witness-1.4  (Paimon 1.4.2)      OUT/witness-2.0  (Paimon 2.0.0)
# It does nothing when OUT holds what these sources build. Exit code 3 says that
# something cannot be had here: a JDK, Maven, or Paimon's jars. usage: build.sh OUT
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
mkdir -p "${1:?usage: build.sh OUT}"
out="$(cd "$1" && pwd)"
bash "$here/../env/jdk.sh"

stamp="$(cd "$here" && cat build.sh pom.xml src/main/java/witness/*.java | sha256sum | cut -d' ' -f1)  $out"
if [ -x "$out/witness-1.4" ] && [ -x "$out/witness-2.0" ] && [ "$(cat "$out/stamp" 2>/dev/null)" = "$stamp" ]; then
	exit 0
fi
rm -rf "$out/stamp" "$out/src" "$out/target" "$out/classes-2.0"
cp -r "$here/pom.xml" "$here/src" "$out/"
echo "building the Java witness into $out (the first time, Maven fetches Paimon)" >&2

# maven ARGS...: quiet when all is well; 3 when it cannot fetch
maven() {
	local rc=0
	mvn -q -B -Dstyle.color=never "$@" >"$out/maven.log" 2>&1 || rc=$?
	[ "$rc" = 0 ] && return 0
	tail -15 "$out/maven.log" >&2
	if grep -qiE 'could not (transfer|resolve|find artifact)|cannot access|unknown host|connection (refused|timed out)|unresolveable' "$out/maven.log"; then
		echo "Maven cannot fetch the Java Paimon" >&2
		exit 3
	fi
	exit 1
}
(cd "$out" && maven package)

# No bundle of 2.0.0 can be resolved alone; its Flink jar holds the same classes.
# Version 2.8 of the plugin can fetch a jar without the parents of its POM.
mkdir -p "$out/lib-2.0"
(cd / && maven org.apache.maven.plugins:maven-dependency-plugin:2.8:get \
	-Dartifact=org.apache.paimon:paimon-flink-2.0:2.0.0 -Dtransitive=false -Ddest="$out/lib-2.0/paimon.jar")
rest="$(ls "$out"/target/lib/*.jar | grep -v paimon-bundle | tr '\n' ':')"
mkdir -p "$out/classes-2.0"
javac -nowarn -cp "$out/lib-2.0/*:$rest" -d "$out/classes-2.0" "$out"/src/main/java/witness/*.java

launcher() { # NAME CLASSPATH
	cat >"$out/$1" <<X
#!/usr/bin/env bash
exec java \${WITNESS_JAVA_OPTS:--Xmx2g -XX:+UseSerialGC -XX:TieredStopAtLevel=1} \\
  -Dorg.slf4j.simpleLogger.defaultLogLevel=off -Duser.timezone=UTC \\
  --add-opens=java.base/java.nio=ALL-UNNAMED --add-opens=java.base/java.lang=ALL-UNNAMED \\
  -cp "$2" witness.Witness "\$@"
X
	chmod +x "$out/$1"
}
launcher witness-1.4 "$out/target/paimon-witness.jar:$out/target/lib/*"
launcher witness-2.0 "$out/classes-2.0:$out/lib-2.0/*:$rest"
echo "$stamp" >"$out/stamp"
