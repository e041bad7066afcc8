# Made by province for phu-quoc-party from templates/common/accounts/etc/profile.d/60-sessions.sh.j2
# and the facts of inventories/fleet/communes/31078-dac-khu-phu-quoc.yml. Do not edit it here: change those, then run
#   ansible-playbook -i inventories/lab ansible/playbooks/baseline.yml --limit phu-quoc-party --tags accounts
umask 027
# A session without input ends after five minutes.
readonly TMOUT=300
export TMOUT
