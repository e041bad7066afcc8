#!/bin/sh
# Made by province for rach-gia-control-plane-1 from templates/datacentre/control_plane/usr/local/lib/province/restart-static-pod.sh.j2
# and the facts of inventories/fleet/sites/rach-gia.yml. Do not edit it here: change those, then run
#   ansible-playbook -i inventories/lab ansible/playbooks/baseline.yml --limit rach-gia-control-plane-1 --tags control_plane
# Ends a part of the control plane and waits until the kubelet has started it anew, with what its files say now.
#   restart-static-pod.sh etcd | kube-apiserver | kube-controller-manager | kube-scheduler
set -eu
old=$(pgrep -o -f "^$1 " || true)
[ -z "$old" ] || kill "$old"
tries=0
until new=$(pgrep -n -f "^$1 ") && [ "$new" != "$old" ]; do
    tries=$((tries + 1))
    [ "$tries" -le 120 ] || { echo "$1 has not come back"; exit 1; }
    sleep 1
done
