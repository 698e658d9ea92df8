#!/bin/sh
# down.sh PREFIX DIR — ends every process in the namespaces of a lab and takes the namespaces and files away.
# Run by the lab itself, and by its watchdog when the process that owned the lab is gone.
C=$1-client G=$1-gateway O=$1-origin

pids() { for ns in "$C" "$G" "$O"; do ip netns pids "$ns" 2>/dev/null; done; }
for _ in $(seq 100); do
  left=$(pids)
  [ -n "$left" ] || break
  # shellcheck disable=SC2086
  kill -9 $left 2>/dev/null
  sleep 0.02
done
for ns in "$C" "$G" "$O"; do
  ip netns del "$ns" 2>/dev/null
  rm -rf "/etc/netns/$ns"
done
rmdir /etc/netns 2>/dev/null # only when no other namespace has files there
rm -rf "$2"
exit 0
