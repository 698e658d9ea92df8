#!/bin/sh
# Makes a fresh clone runnable: Debian packages, Node 26, npm packages, the admin UI. Does nothing when all is there.
# Usage: setup.sh [test|bench]   the argument adds what only the tests or only the benchmark need.
set -eu
cd "$(dirname "$0")/.."
exec 9<package.json; flock 9 # one at a time
log() { echo "setup: $*" >&2; }
fresh() { [ "$(cat "$1" 2>/dev/null || :)" = "$2" ]; }
sum() { sha256sum | cut -d' ' -f1; }

# 1. Debian packages. libatomic1: the Node 26 binary links to it, and a minimal Debian lacks it.
want="iptables iproute2 libatomic1 ca-certificates curl"
case ${1-} in
  test) want="$want chromium fonts-dejavu-core openssl debootstrap vagrant" ;;
  bench) want="$want openssl squid-openssl nginx-light nghttp2-client" ;;
esac
need=
for p in $want; do
  [ "$(dpkg-query -Wf '${db:Status-Status}' "$p" 2>&1)" = installed ] || need="$need $p"
done
if [ -n "$need" ]; then
  [ "$(id -u)" -eq 0 ] || { log "as root, once: apt-get install$need"; exit 1; }
  log "apt-get install$need"
  export DEBIAN_FRONTEND=noninteractive
  # What the tests and the benchmark install must not start a server on the machine: policy-rc.d says no while apt runs.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
  fi
  apt() { apt-get -qq -o DPkg::Lock::Timeout=300 "$@" >/dev/null; }
  # shellcheck disable=SC2086
  apt install -y --no-install-recommends $need 2>/dev/null || { apt update && apt install -y --no-install-recommends $need; }
fi

# 2. Node 26 and an npm of its own: the machine's npm may be old, and npm leaves out packages that its own node is too old for
case $(uname -m) in x86_64) arch=x64 ;; aarch64) arch=arm64 ;; *) log "no Node 26 for $(uname -m)"; exit 1 ;; esac
node=$PWD/runtime/node_modules/node-linux-$arch/bin/node
want=$(sum <runtime/package-lock.json)
if ! fresh runtime/node_modules/.stamp "$want"; then
  log "Node 26"
  (PATH=$(printf %s "$PATH" | tr ':' '\n' | grep -v "^$PWD/" | paste -sd: -); cd runtime; npm ci --ignore-scripts --loglevel=error --no-progress >&2)
  "$node" -e 'process.exit(process.versions.node.startsWith("26.") ? 0 : 1)'
  echo "$want" >runtime/node_modules/.stamp
fi

# 3. npm packages; none needs an install script
want=$(cat package.json package-lock.json .npmrc | sum)
if ! fresh node_modules/.stamp "$want"; then
  log "npm ci"
  : "${npm_config_globalconfig:=$(npm config get globalconfig 2>/dev/null)}" # else our node makes npm look for the machine's settings beside itself
  export npm_config_globalconfig
  PATH=${node%/node}:$PATH "$node" runtime/node_modules/npm/bin/npm-cli.js ci --ignore-scripts --loglevel=error --no-progress >&2
  ln -sf "../../runtime/node_modules/node-linux-$arch/bin/node" node_modules/.bin/node # npm puts this folder first in PATH: every script and tool runs under Node 26
  echo "$want" >node_modules/.stamp
fi

# 4. the admin UI
want=$({ find web-ui -path web-ui/dist -prune -o -type f -exec sha256sum {} + | sort; cat package-lock.json; } | sum)
if ! fresh web-ui/dist/.stamp "$want"; then
  log "vite build"
  "$node" node_modules/vite/bin/vite.js build web-ui --logLevel warn >&2
  echo "$want" >web-ui/dist/.stamp
fi
