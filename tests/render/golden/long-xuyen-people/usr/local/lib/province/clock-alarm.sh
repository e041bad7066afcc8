# Made by province for long-xuyen-people from templates/common/time/usr/local/lib/province/clock-alarm.sh.j2
# and the facts of inventories/fleet/communes/30307-phuong-long-xuyen.yml. Do not edit it here: change those, then run
#   ansible-playbook -i inventories/production ansible/playbooks/baseline.yml --limit long-xuyen-people --tags time
# Prints a line when the clock is off or nobody has compared it for too long; silence is good news.
# Fields of `chronyc -c tracking` (chronyc(1)): 4 when it was last compared, 5 how far it is off, 14 leap status.
set -eu
chronyc -c -n tracking | awk -F, -v now="$(date +%s)" -v offset="$MAXIMUM_OFFSET" -v silence="$MAXIMUM_SILENCE" '
    { off = $5 < 0 ? -$5 : $5; age = now - $4 }
    $14 == "Not synchronised" { print "clock alarm: the clock follows nobody"; next }
    age > silence { printf "clock alarm: no source has answered for %d s (limit %s s)\n", age, silence }
    off > offset { printf "clock alarm: the clock is off by %.3f s (limit %s s)\n", off, offset }
'
