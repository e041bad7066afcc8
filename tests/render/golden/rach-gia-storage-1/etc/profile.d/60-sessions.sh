# Made by province for rach-gia-storage-1 from templates/common/accounts/etc/profile.d/60-sessions.sh.j2
# and the facts of inventories/fleet/sites/rach-gia.yml. Do not edit it here: change those, then run
#   ansible-playbook -i inventories/production ansible/playbooks/baseline.yml --limit rach-gia-storage-1 --tags accounts
umask 027
# A session without input ends after five minutes.
readonly TMOUT=300
export TMOUT
