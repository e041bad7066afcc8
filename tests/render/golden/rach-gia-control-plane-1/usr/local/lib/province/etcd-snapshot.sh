#!/bin/sh
# Made by province for rach-gia-control-plane-1 from templates/datacentre/control_plane/usr/local/lib/province/etcd-snapshot.sh.j2
# and the facts of inventories/fleet/sites/rach-gia.yml. Do not edit it here: change those, then run
#   ansible-playbook -i inventories/lab ansible/playbooks/baseline.yml --limit rach-gia-control-plane-1 --tags control_plane
# Takes a snapshot of this member of etcd, checks it, and keeps the newest ones. Prints a line only when that failed.
# What is in it is encrypted as in etcd itself; without /etc/kubernetes/api-server/encryption.yaml it cannot be read.
set -eu
umask 077
folder=/var/lib/etcd-snapshots
pki=/etc/kubernetes/pki/etcd
new="$folder/.new"

fail() { rm -f "$new"*; echo "cluster alarm: no snapshot of etcd: $1"; exit 1; }

install -d -m 700 "$folder"
rm -f "$new"*
# Left to itself, `snapshot save` waits for ever for a member that is down or that stops in the middle.
member() {
    timeout "$SNAPSHOT_WITHIN_S" etcdctl --endpoints=https://127.0.0.1:2379 --cacert="$pki/ca.crt" \
        --cert="$pki/healthcheck-client.crt" --key="$pki/healthcheck-client.key" "$@" 2>&1
}
said=$(member endpoint status) || fail "the member does not answer: $said"
said=$(member snapshot save "$new") || fail "not within $SNAPSHOT_WITHIN_S s, or refused: $said"
said=$(etcdutl snapshot status "$new" --write-out=fields 2>&1) || fail "it is damaged: $said"
keys=$(printf '%s\n' "$said" | sed -n 's/^"Keys" : //p')
[ "${keys:-0}" -gt 0 ] || fail "it is empty"
sync "$new"
mv "$new" "$folder/$(date -u +%Y%m%dT%H%M%SZ).db"
find "$folder" -name '*.db' | sort -r | tail -n +$((SNAPSHOTS_KEPT + 1)) | xargs -r rm
