#!/bin/sh
# Turns this Debian machine into a client of the lab: its way out is the gateway, its names are the lab's.
# client.sh INTERFACE HOSTS-FILE — INTERFACE is the one towards the gateway.
set -eu
dev=${1:?usage: client.sh INTERFACE HOSTS-FILE}
hosts=${2:?usage: client.sh INTERFACE HOSTS-FILE}
[ "$(id -u)" -eq 0 ] || { echo "client: needs root" >&2; exit 1; }

export DEBIAN_FRONTEND=noninteractive
apt() { apt-get -qq -o DPkg::Lock::Timeout=300 "$@" >/dev/null; }
apt update
apt install -y --no-install-recommends curl ca-certificates openssl

# Our lines between two marks, so that a second run replaces them.
sed -i '/^# weir lab begin$/,/^# weir lab end$/d' /etc/hosts
{ echo '# weir lab begin'; grep -v localhost "$hosts"; echo '# weir lab end'; } >>/etc/hosts

cat >/usr/local/sbin/weir-client <<END
#!/bin/sh
# Only the lab's internet goes through the gateway: Vagrant's own interface stays the way to everything else.
set -eu
ip addr replace fd77:1::10/64 dev $dev nodad
ip route replace 203.0.113.0/24 via 10.77.1.1
ip route replace 2001:db8:113::/64 via fd77:1::1
END
chmod 755 /usr/local/sbin/weir-client
cat >/etc/systemd/system/weir-client.service <<END
[Unit]
Description=The lab's client
After=network-online.target
Wants=network-online.target
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/weir-client
RemainAfterExit=yes
[Install]
WantedBy=multi-user.target
END
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  systemctl enable --quiet weir-client.service
  systemctl restart weir-client.service
fi
