#!/bin/sh
# What an admin would write instead of moded: takes this machine from one mode
# to another by hand, in the same order, to the same end state.
#
#   switch.sh desktop|studio|compute
#
# It waits for nothing longer than it must: jobs are waited for by systemctl
# itself, everything else is looked at ten times a second. It asks no guard, and
# has no way back.
set -eu

uid=1000
env=/run/moded/env
deny=/run/moded/deny
ai_unit=vllm.service
ai_url=http://127.0.0.1:8001
other_unit=ai.service # whatever else computes
other_url=http://127.0.0.1:8000
gpu0=GPU-00000000-1ab0-4000-8000-000000000000
gpu1=GPU-11111111-1ab0-4000-8000-000000000001
gpu_nodes='/dev/nvidia0 /dev/nvidia1 /dev/dri/card0 /dev/dri/renderD128'

# until_true COMMAND...: ten looks a second, for a minute.
until_true() {
  n=0
  until "$@" >/dev/null 2>&1; do
    n=$((n + 1))
    [ $n -lt 600 ] || { echo "switch.sh: $* is not so after a minute" >&2; exit 1; }
    sleep 0.1
  done
}

# Requests that run or wait, over all engines; a server that is not there has none.
drained() {
  curl -s -m 2 "$ai_url/metrics" | awk '/^vllm:num_requests_(running|waiting)/ { n += $2 } END { exit n > 0 }'
}

stop_ai() {
  if systemctl is-active -q "$ai_unit"; then
    until_true drained
    systemctl stop "$ai_unit"
  fi
  : >"$deny/$ai_unit"
}

start_ai() { # GPUS COUNT
  printf 'CUDA_DEVICE_ORDER="PCI_BUS_ID"\nCUDA_VISIBLE_DEVICES="%s"\nMODED_TENSOR_PARALLEL_SIZE="%s"\n' "$1" "$2" >"$env/.$ai_unit"
  mv "$env/.$ai_unit" "$env/$ai_unit"
  rm -f "$deny/$ai_unit"
  systemctl start "$ai_unit"
}

# dev's own PipeWire.
pipewire="pipewire.socket pipewire-pulse.socket pipewire.service pipewire-pulse.service wireplumber.service"
as_user() { setpriv --reuid "$uid" --regid "$uid" --init-groups env XDG_RUNTIME_DIR="/run/user/$uid" "$@"; }

force() { # QUANTUM RATE
  as_user sh -c "pw-metadata -n settings 0 clock.force-quantum $1; pw-metadata -n settings 0 clock.force-rate $2" >/dev/null
  as_user pw-metadata -n settings 0 clock.force-quantum | grep -q "value:'$1'"
}

audio_off() {
  systemctl is-active -q "user@$uid.service" || return 0
  # shellcheck disable=SC2086
  as_user systemctl --user stop $pipewire 2>/dev/null || ! systemctl is-active -q "user@$uid.service"
}

# A manager that outlived the last session has its audio off still. It starts in
# its own time, as it does for a manager that is new.
audio_on() {
  {
    until_true systemctl is-active -q "user@$uid.service"
    # shellcheck disable=SC2086
    until_true as_user systemctl --user start $pipewire
  } >/dev/null 2>&1 &
}

graphical() {
  for s in $(loginctl list-sessions --no-legend | awk '{ print $1 }'); do
    case $(loginctl show-session "$s" -p Class -p Type --value | tr '\n' ' ') in
      *wayland* | *x11*) echo "$s" ;;
    esac
  done
}

gone() { ! loginctl show-session "$1" && ! systemctl is-active -q "session-$1.scope"; }

free_of_compute() { [ -z "$(find /proc/[0-9]*/fd -lname /dev/nvidia-uvm 2>/dev/null)" ]; }

gui_off() {
  sessions=$(graphical)
  : >"$deny/$(systemctl show -p Id --value display-manager.service)"
  : >"$deny/graphical.target"
  systemctl stop graphical.target display-manager.service
  for s in $sessions; do loginctl terminate-session "$s" 2>/dev/null || true; done
  for s in $sessions; do until_true gone "$s"; done
}

gui_on() {
  rm -f "$deny/lab-session.service" "$deny/graphical.target"
  systemctl start display-manager.service graphical.target
  systemctl is-active -q display-manager.service
}

# Nobody but PID 1 and logind, which keep descriptors for sessions. By name, where
# fuser would go by number: the lab's devices share theirs with /dev/null.
free() {
  names=
  for node in $gpu_nodes; do names="$names -o -lname $node"; done
  # shellcheck disable=SC2086
  for p in $(find /proc/[0-9]*/fd -false $names 2>/dev/null | cut -d/ -f3 | sort -u); do
    case $(cat "/proc/$p/comm" 2>/dev/null) in
      systemd | systemd-logind | "") ;;
      *) return 1 ;;
    esac
  done
}

weight() { systemctl set-property --runtime "$1" CPUWeight="$2"; }

mkdir -p "$env" "$deny"
case $1 in
  studio)
    systemctl stop moded-desktop.target
    stop_ai
    until_true free_of_compute
    systemctl stop fstrim.timer
    weight system.slice 20
    systemctl start moded-tune.service
    force 256 48000
    systemctl start moded-studio.target
    ;;
  desktop)
    systemctl stop moded-studio.target lab-studio.service moded-compute.target
    systemctl stop "$other_unit"
    : >"$deny/$other_unit"
    if systemctl is-active -q display-manager.service; then
      systemctl stop moded-tune.service
      weight system.slice 100
      force 0 0
    else
      stop_ai
      until_true free
      gui_on
      audio_on
    fi
    systemctl start fstrim.timer grabber.service moded-desktop.target
    start_ai "$gpu1" 1 # it loads its model in its own time
    ;;
  compute)
    systemctl stop moded-desktop.target
    stop_ai
    systemctl stop grabber.service
    gui_off
    audio_off
    until_true free
    printf 'CUDA_VISIBLE_DEVICES="GPU-lab-0"\nLAB_MARK="compute"\n' >"$env/$other_unit"
    rm -f "$deny/$other_unit"
    systemctl start "$other_unit"
    until_true curl -fs -m 2 "$other_url/health"
    start_ai "$gpu0,$gpu1" 2
    until_true curl -fs -m 2 "$ai_url/health"
    systemctl start moded-compute.target
    ;;
esac
