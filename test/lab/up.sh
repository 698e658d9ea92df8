#!/bin/sh
# up.sh PREFIX HOSTS — three hosts in network namespaces: PREFIX-client — PREFIX-gateway — PREFIX-origin.
# HOSTS is the hosts file all three see. The gateway routes and nothing more; Weir and its rules come later.
set -eu
C=$1-client G=$1-gateway O=$1-origin

for ns in "$C" "$G" "$O"; do
  ip netns add "$ns"
  # Names come from the hosts file alone; a look-up of any other fails at once instead of waiting for a server.
  mkdir -p "/etc/netns/$ns"
  cp "$2" "/etc/netns/$ns/hosts"
  echo 'nameserver 127.0.0.1' >"/etc/netns/$ns/resolv.conf"
  # Addresses are ours alone: no seconds of duplicate address detection.
  ip netns exec "$ns" sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.accept_dad=0 \
    net.ipv6.conf.default.dad_transmits=0 net.ipv6.conf.default.accept_ra=0 net.ipv6.conf.default.router_solicitations=0
done

ip link add lan netns "$G" type veth peer name eth0 netns "$C"
ip link add wan netns "$G" type veth peer name eth0 netns "$O"

# 10.77.1.10 is "the" client; the others are more devices on the same LAN (curl --interface).
ip -n "$C" -batch - <<END
link set lo up
link set eth0 up
addr add 10.77.1.10/24 dev eth0
addr add 10.77.1.11/24 dev eth0
addr add 10.77.1.12/24 dev eth0
addr add fd77:1::10/64 dev eth0 nodad
addr add fd77:1::11/64 dev eth0 nodad preferred_lft 0
addr add fd77:1::12/64 dev eth0 nodad preferred_lft 0
route add default via 10.77.1.1
route add default via fd77:1::1
END

# 203.0.113.252 is the black hole: handed to the origin, which owns no such address and does not route.
ip -n "$G" -batch - <<END
link set lo up
link set lan up
link set wan up
addr add 10.77.1.1/24 dev lan
addr add fd77:1::1/64 dev lan nodad
addr add 203.0.113.1/24 dev wan
addr add 2001:db8:113::1/64 dev wan nodad
route add 203.0.113.252/32 via 203.0.113.254
route add 2001:db8:113::252/128 via 2001:db8:113::254
END
ip netns exec "$G" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1

{
  printf '%s\n' 'link set lo up' 'link set eth0 up'
  # 203.0.113.10 to .79, the same last digits in IPv6, and the router address of the black hole.
  for n in $(seq 10 79) 254; do
    printf '%s\n' "addr add 203.0.113.$n/24 dev eth0" "addr add 2001:db8:113::$n/64 dev eth0 nodad"
  done
  printf '%s\n' 'route add default via 203.0.113.1' 'route add default via 2001:db8:113::1'
} | ip -n "$O" -batch -
