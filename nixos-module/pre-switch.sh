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
  exit 1
}

# Ends it all when the mode is changing, or when there is no daemon and no mode.
look() {
  local status
  status=$(modectl status --json)
  case $? in
  0) ;;
  7) exit 0 ;;
  *) refuse "cannot ask moded whether the mode is changing." \
    "Say modectl status to see why; NIXOS_NO_CHECK=1 skips this question." ;;
  esac
  if grep -Eq '"phase": *"[a-z]' <<<"$status"; then
    systemctl stop "$unit" 2>/dev/null || true
    refuse "the mode of this machine is changing: modectl status." \
      "Wait until it has settled (modectl watch), confirm it, or mend it (modectl recover --help); then say nixos-rebuild again."
  fi
}

# First without a hold, which would end somebody's grace period; then once more
# with it, for what began in between.
look
[ "$action" = check ] && exit 0
systemctl stop "$unit" 2>/dev/null || true
systemd-run --quiet --collect --unit="$unit" --service-type=notify --property=NotifyAccess=all \
  --setenv=PATH="$PATH" --description="Keep the mode while nixos-rebuild is at work" -- \
  modectl hold --all --reason="nixos-rebuild $action" -- bash "$holder" ||
  refuse "cannot keep the mode from changing during the switch: journalctl -u $unit"
look
