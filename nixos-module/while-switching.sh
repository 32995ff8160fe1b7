# Runs under modectl hold, as the main process of moded-rebuild.service, for as
# long as switch-to-configuration has its lock.
set -u
lock=${MODED_SWITCH_LOCK:-/run/nixos/switch-to-configuration.lock}
systemd-notify --ready
flock "$lock" true

# The mode is settled and held: a better moment for a new daemon there is none. Told
# so it ends as soon as nothing is under way, and systemd starts the new one, which
# finds the mode in its document. The same daemon stays.
pid=$(systemctl show --property=MainPID --value moded.service)
[ "${pid:-0}" -gt 0 ] || exit 0
running=$(readlink "/proc/$pid/exe") || exit 0
case $(systemctl show --property=ExecStart --value moded.service) in
*"path=$running "*) ;;
*) systemctl kill --kill-whom=main --signal=USR1 moded.service ;;
esac
