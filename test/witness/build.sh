#!/usr/bin/env bash
# Builds the witness for two releases of the Java Paimon:
#   OUT/witness-1.4  (Paimon 1.4.2)      OUT/witness-2.0  (Paimon 2.0.0)
# It does nothing when OUT holds what these sources build. usage: build.sh OUT
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
(cd "$out" && mvn -q -B -Dstyle.color=never package)

# No bundle of 2.0.0 can be resolved alone; its Flink jar holds the same classes.
# Version 2.8 of the plugin can fetch a jar without the parents of its POM.
mkdir -p "$out/lib-2.0"
(cd / && mvn -q -B -Dstyle.color=never org.apache.maven.plugins:maven-dependency-plugin:2.8:get \
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
