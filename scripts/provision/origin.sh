#!/bin/sh
# Turns this Debian machine into the lab's origin: a small internet on 203.0.113.0/24 and 2001:db8:113::/64.
# origin.sh INTERFACE — INTERFACE is the one towards the gateway.
set -eu
src=$(cd "$(dirname "$0")/../.." && pwd)
dev=${1:?usage: origin.sh INTERFACE}
[ "$(id -u)" -eq 0 ] || { echo "origin: needs root" >&2; exit 1; }

export DEBIAN_FRONTEND=noninteractive
apt() { apt-get -qq -o DPkg::Lock::Timeout=300 "$@" >/dev/null; }
apt update
apt install -y --no-install-recommends nodejs npm openssl
mkdir -p /opt/weir
tar -C "$src" --exclude=./.git --exclude=./.vagrant --exclude=node_modules -cf - . | tar -C /opt/weir --no-same-owner -xf -
sh /opt/weir/scripts/setup.sh

cat >/usr/local/sbin/weir-origin <<END
#!/bin/sh
# Addresses first, then the servers on them; the same program the lab in namespaces runs.
set -eu
for n in \$(seq 10 79); do
  ip addr replace 203.0.113.\$n/24 dev $dev
  ip addr replace 2001:db8:113::\$n/64 dev $dev nodad
done
ip route replace 10.77.1.0/24 via 203.0.113.1
ip route replace fd77:1::/64 via 2001:db8:113::1
mkdir -p /var/lib/weir-origin
exec /opt/weir/node_modules/.bin/node /opt/weir/test/lab/origin.ts /var/lib/weir-origin
END
chmod 755 /usr/local/sbin/weir-origin
cat >/etc/systemd/system/weir-origin.service <<END
[Unit]
Description=The lab's internet
After=network-online.target
Wants=network-online.target
[Service]
ExecStart=/usr/local/sbin/weir-origin
Restart=always
[Install]
WantedBy=multi-user.target
END
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  systemctl enable --quiet --now weir-origin.service
fi
