# Made by province for long-xuyen-people from templates/common/accounts/etc/profile.d/60-sessions.sh.j2
# and the facts of inventories/fleet/communes/30307-phuong-long-xuyen.yml. Do not edit it here: change those, then run
#   ansible-playbook -i inventories/production ansible/playbooks/baseline.yml --limit long-xuyen-people --tags accounts
umask 027
# A session without input ends after five minutes.
readonly TMOUT=300
export TMOUT
