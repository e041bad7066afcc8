#!/bin/sh
# Made by province for rach-gia-control-plane-1 from templates/datacentre/control_plane/usr/local/lib/province/cluster-certificates.sh.j2
# and the facts of inventories/fleet/sites/rach-gia.yml. Do not edit it here: change those, then run
#   ansible-playbook -i inventories/lab ansible/playbooks/baseline.yml --limit rach-gia-control-plane-1 --tags control_plane
# Renews the certificates of this control plane before they run out, and starts its parts anew, one after the other.
# Prints a line only when something is wrong. A cluster that is not well is not touched; it gets the alarm.
set -eu
ready() { kubectl --kubeconfig=/etc/kubernetes/admin.conf --request-timeout=5s get --raw=/readyz > /dev/null 2>&1; }

due=no
for one in /etc/kubernetes/pki/*.crt /etc/kubernetes/pki/etcd/*.crt; do
    case $one in
        */ca.crt | */front-proxy-ca.crt)
            openssl x509 -noout -checkend $((365 * 86400)) -in "$one" > /dev/null ||
                echo "cluster alarm: the authority $one runs out within a year"
            ;;
        *) openssl x509 -noout -checkend $((RENEW_BEFORE_DAYS * 86400)) -in "$one" > /dev/null || due=yes ;;
    esac
done
# Those of the controllers and of the administrator stand in their files; the kubelet renews its own.
for one in /etc/kubernetes/admin.conf /etc/kubernetes/controller-manager.conf /etc/kubernetes/scheduler.conf; do
    sed -n 's/^ *client-certificate-data: //p' "$one" | base64 -d |
        openssl x509 -noout -checkend $((RENEW_BEFORE_DAYS * 86400)) > /dev/null || due=yes
done
[ "$due" = yes ] || exit 0
ready || { echo "cluster alarm: certificates are due, and the cluster is not well"; exit 1; }
said=$(kubeadm certs renew all --config=/etc/kubernetes/kubeadm.yaml 2>&1) || { echo "cluster alarm: $said"; exit 1; }
for part in etcd kube-apiserver kube-controller-manager kube-scheduler; do
    sh /usr/local/lib/province/restart-static-pod.sh "$part" || { echo "cluster alarm: $part is not back"; exit 1; }
done
tries=0
until ready; do
    tries=$((tries + 1))
    [ "$tries" -le 60 ] || { echo "cluster alarm: not ready after the renewal of certificates"; exit 1; }
    sleep 1
done
