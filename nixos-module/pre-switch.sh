# Asked by switch-to-configuration before it touches anything:
#   pre-switch.sh WHILE-SWITCHING ACTION
# Refuses while the mode is changing, and otherwise keeps it from changing until
# the switch is done.
set -u
holder=$1 action=$2
unit=moded-rebuild.service

case $action in
switch | test | check) ;;
*) exit 0 ;; # boot and dry-activate touch nothing that runs
esac

refuse() {
  printf '%s\n' "$@" >&2
  systemctl stop "$unit" 2>/dev/null || true
  exit 1
}

status=$(modectl status --json)
case $? in
0) ;;
7) exit 0 ;; # no daemon, no mode
*) refuse "cannot ask moded whether the mode is changing." \
  "Say modectl status to see why; NIXOS_NO_CHECK=1 skips this question." ;;
esac

# Held before the second look, so that nothing begins in between. A rebuild that
# was killed leaves no hold behind: its lock is gone with it.
if [ "$action" != check ]; then
  systemctl stop "$unit" 2>/dev/null || true
  systemd-run --quiet --collect --unit="$unit" --service-type=notify --property=NotifyAccess=all \
    --setenv=PATH="$PATH" --description="Keep the mode while nixos-rebuild is at work" -- \
    modectl hold --all --reason="nixos-rebuild $action" -- bash "$holder" ||
    refuse "cannot keep the mode from changing during the switch: journalctl -u $unit"
  status=$(modectl status --json) || refuse "moded went away. Say nixos-rebuild again."
fi

if grep -Eq '"phase": *"[a-z]' <<<"$status"; then
  refuse "the mode of this machine is changing: modectl status." \
    "Wait until it has settled (modectl watch), confirm it, or mend it (modectl recover --help); then say nixos-rebuild again."
fi
