# Made by province for vinh-xuong-people from templates/common/accounts/etc/profile.d/60-sessions.sh.j2
# and the facts of inventories/fleet/communes/30385-xa-vinh-xuong.yml. Do not edit it here: change those, then run
#   ansible-playbook -i inventories/production ansible/playbooks/baseline.yml --limit vinh-xuong-people --tags accounts
umask 027
# A session without input ends after five minutes.
readonly TMOUT=300
export TMOUT
