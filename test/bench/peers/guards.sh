#!/bin/sh
# What an admin would write to ask before the desktop is taken away: is anybody
# playing or recording, does a DAW run, who has the GPU open, is the machine
# busy, does somebody compile, is there memory. One line for each guard:
# "NAME pass", "NAME deny" or "NAME unknown". It waits for nothing and starts as
# little as it can.
#
#   guards.sh [GPU DEVICE FILE...]
#
# GUARDS_WITHOUT leaves out user-jobs, inhibitors, or both.
set -u

verdict() { # NAME, and the command that finds something in the way
  name=$1
  shift
  "$@" >/dev/null 2>&1
  case $? in
    0) echo "$name deny" ;;
    1) echo "$name pass" ;;
    *) echo "$name unknown" ;;
  esac
}

wanted() {
  case " ${GUARDS_WITHOUT:-} " in
    *" $1 "*) return 1 ;;
  esac
}

# Streams and JACK clients that run; sinks and sources are nobody's.
audio() {
  graph=$(pw-dump) || return 2
  printf %s "$graph" | jq -e 'any(.[]; .type == "PipeWire:Interface:Node" and .info.state == "running"
    and (.info.props["media.class"] // "" | test("^Stream/|^$")))'
}

load() {
  uptime | awk -v cpus="$(nproc)" -F'load averages?: ' '{ split($2, avg, ", *"); exit !(avg[2] / cpus > 0.5) }'
}

# A compiler, or what burns CPU in somebody's session; ps has its average only.
jobs() {
  ps -e -o pcpu=,comm=,cgroup= | awk '
    $2 ~ /^(cc1|cc1plus|rustc|ld|clang|nix-build)$/ || $1 >= 10 && /user\.slice/ { found = 1; exit }
    END { exit !found }' && return
  wanted inhibitors || return 1
  systemd-inhibit --list --mode=block --no-legend --no-pager | grep -q .
}

memory() { free -k | awk '/^Mem:/ { exit !($7 < 4 * 1024 * 1024) }'; }

# The kernel keeps 15 letters of a name: bitwig-studio fits.
verdict audio-idle audio
verdict daw-inactive pgrep -x 'reaper|ardour.*|bitwig-studio'
if [ $# -gt 0 ]; then verdict gpu-free fuser -s "$@"; else echo "gpu-free pass"; fi
verdict cpu-load load
if wanted user-jobs; then verdict user-jobs jobs; fi
verdict memory memory
