#!/bin/sh
# Provisions one machine of the Vagrantfile: vm.sh gateway|client|origin. Only finds out the interfaces and fetches what
# the machines must know of each other; the work is done by the script of that name.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# Vagrant uploads this file alone; the rest lies in the synced folder.
[ -e "$here/gateway.sh" ] || here=/vagrant/scripts/provision
role=${1:?usage: vm.sh gateway|client|origin}

with_address() { ip -o -4 address show | awk -v net="$1" 'index($4, net) == 1 { print $2; exit }'; }
from_origin() { curl -sSf --retry 20 --retry-connrefused --retry-delay 2 -o "$2" "http://203.0.113.10/$1"; }

case $role in
  origin) "$here/origin.sh" "$(with_address 203.0.113.)" ;;
  gateway)
    command -v curl >/dev/null || { apt-get -qq update; apt-get -qq install -y --no-install-recommends curl >/dev/null; }
    install -d -m 0755 /etc/weir
    from_origin ca.pem /etc/weir/lab-origin.pem
    lan=$(with_address 10.77.1.) wan=$(with_address 203.0.113.)
    # Vagrant gives a card one IPv4 address; the IPv6 ones come with the interface, at every boot.
    cat >/etc/systemd/system/weir-lab-addresses.service <<END
[Unit]
Before=weir.service
[Service]
Type=oneshot
ExecStart=/sbin/ip address replace fd77:1::1/64 dev $lan nodad
ExecStart=/sbin/ip address replace 2001:db8:113::1/64 dev $wan nodad
[Install]
WantedBy=multi-user.target
END
    systemctl daemon-reload
    systemctl enable --quiet --now weir-lab-addresses.service
    [ -e /etc/weir/weir.yaml ] || cat >/etc/weir/weir.yaml <<END
# Weir in the lab of virtual machines.
stateDir: /var/lib/weir
user: weir
listen:
  admin: 0.0.0.0:8080 # Vagrant forwards 127.0.0.1:8080 of your machine to it
intercept:
  interface: $lan
rules: auto
tls:
  originRoots: [/etc/weir/lab-origin.pem]
END
    "$here/gateway.sh"
    ;;
  client)
    command -v curl >/dev/null || { apt-get -qq update; apt-get -qq install -y --no-install-recommends curl >/dev/null; }
    ip route replace 203.0.113.0/24 via 10.77.1.1
    from_origin hosts /tmp/hosts
    "$here/client.sh" "$(with_address 10.77.1.)" /tmp/hosts
    ;;
  *) echo "usage: vm.sh gateway|client|origin" >&2; exit 2 ;;
esac
