# Made by province for rach-gia-services-1 from templates/common/malware/usr/local/lib/province/signatures.sh.j2
# and the facts of inventories/fleet/sites/rach-gia.yml. Do not edit it here: change those, then run
#   ansible-playbook -i inventories/lab ansible/playbooks/baseline.yml --limit rach-gia-services-1 --tags malware
# What searches by signatures share, read by them after they set `tag`, their name in the log, and `signatures`, the
# package that knows what they look for. Its version is the day on which it was made.
days=7
lines=200

say() { logger --id=$$ --priority "authpriv.$1" --tag "$tag"; }
alarm() { printf 'ALARM: %s\n%s\n' "$1" "$2" | head -n "$lines" | say crit; }

# Fetches newer ones from the mirror and says since when they are (`made`); an alarm when nobody has renewed them.
renew() {
    # Another program may be at work on packages; then those of yesterday will do.
    renewed=$(apt-get -qq update 2>&1 &&
        apt-get -qq --yes -o DPkg::Lock::Timeout=60 install --only-upgrade "$signatures" 2>&1) ||
        printf 'the signatures could not be renewed\n%s\n' "$renewed" | head -n "$lines" | say warning
    made=$(dpkg-query --show --showformat '${Version}' "$signatures")
    age=$((($(date +%s) - $(date --date "$made" +%s)) / 86400))
    [ "$age" -le "$days" ] || alarm "the signatures of $tag are $age days old" "made: $made"
}
