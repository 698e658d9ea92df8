#!/bin/sh
# Installs Weir on this Debian or Ubuntu machine: gateway.sh [LAN-INTERFACE]
# Run it again to upgrade: the configuration and the state stay as they are.
set -eu
src=$(cd "$(dirname "$0")/../.." && pwd)
dst=/opt/weir
lan=${1-}
log() { echo "gateway: $*" >&2; }

[ "$(id -u)" -eq 0 ] || { log "needs root: sudo $0"; exit 1; }
if [ ! -e /etc/weir/weir.yaml ] && [ -z "$lan" ]; then
  log "which interface do the clients come from? Usage: $0 LAN-INTERFACE"
  exit 2
fi

# 1. the program
if [ "$src" != "$dst" ]; then
  log "program to $dst"
  mkdir -p "$dst"
  # What an older version left is not mixed with the new one; downloaded packages may stay, setup.sh checks them.
  find "$dst" -mindepth 1 -maxdepth 1 ! -name node_modules ! -name runtime -exec rm -rf {} +
  tar -C "$src" --exclude=./.git --exclude=./.vagrant --exclude=node_modules --exclude=./state --exclude=./web-ui/dist -cf - . |
    tar -C "$dst" --no-same-owner -xf -
fi
if ! command -v npm >/dev/null; then
  log "Debian's Node and npm, to fetch Weir's own"
  export DEBIAN_FRONTEND=noninteractive
  apt() { apt-get -qq -o DPkg::Lock::Timeout=300 "$@" >/dev/null; }
  apt update
  apt install -y --no-install-recommends nodejs npm
fi
sh "$dst/scripts/setup.sh"
ln -sf "$dst/bin/weir" /usr/local/bin/weir

# 2. the user that traffic is handled as
getent passwd weir >/dev/null ||
  useradd --system --user-group --no-create-home --home-dir /var/lib/weir --shell /usr/sbin/nologin weir

# 3. the configuration, only if there is none
if [ ! -e /etc/weir/weir.yaml ]; then
  log "configuration to /etc/weir/weir.yaml"
  install -d -m 0755 /etc/weir
  cat >/etc/weir/weir.yaml <<END
# Weir. Every key has a default; docs/gateway.md lists them. "weir check" finds mistakes.
stateDir: /var/lib/weir
user: weir
intercept:
  interface: $lan
  ports: [80, 443]
rules: auto
END
fi

# 4. the kernel: a gateway routes whether Weir runs or not, and knows TPROXY from the start
install -d /etc/sysctl.d /etc/modules-load.d
cat >/etc/sysctl.d/60-weir.conf <<END
net.ipv4.ip_forward = 1
net.ipv6.conf.all.forwarding = 1
# Bursts of new connections wait for the workers instead of being dropped.
net.core.somaxconn = 4096
net.ipv4.tcp_max_syn_backlog = 8192
END
printf '%s\n' xt_TPROXY xt_socket nf_tproxy_ipv4 nf_tproxy_ipv6 >/etc/modules-load.d/weir.conf

# 5. the service; in a folder that is only being prepared (no systemd running) it is enabled for the first boot
install -D -m 0644 "$dst/scripts/provision/weir.service" /etc/systemd/system/weir.service
if [ -d /run/systemd/system ]; then
  systemctl restart systemd-modules-load.service systemd-sysctl.service
  systemctl daemon-reload
  systemctl enable --quiet weir.service
  systemctl restart weir.service
  log "running; what may still stand in the way: weir doctor --config /etc/weir/weir.yaml"
else
  install -d /etc/systemd/system/multi-user.target.wants
  ln -sf ../weir.service /etc/systemd/system/multi-user.target.wants/weir.service
  log "installed; the service starts with the machine"
fi
