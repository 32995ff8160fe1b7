#!/usr/bin/env bash
# Installs what building and testing need and is missing: through apt when root,
# else it prints the line to run. $1 is what for: build, test, which is that and
# all of make test, deb, which is packages, or bench, which is the peers; $2 is the
# version of golangci-lint.
set -euo pipefail

missing=()
need() { command -v "$1" >/dev/null 2>&1 || [ -e "$1" ] || missing+=("$2"); }
need gcc gcc
need /usr/include/stdlib.h libc6-dev
need git git
need dbus-daemon dbus-daemon
if [ "$1" = deb ]; then
  need lintian lintian
fi
if [ "$1" = test ]; then
  need systemd-stdio-bridge systemd
  need less less
  need dpkg dpkg
  need /usr/share/dbus-1/system.conf dbus
  need /usr/lib/polkit-1/polkitd polkitd
  need nix-instantiate nix-bin
  need unshare util-linux
fi
if [ "$1" = bench ]; then
  [ -e /usr/lib/power-profiles-daemon ] || need /usr/libexec/power-profiles-daemon power-profiles-daemon
  need busctl systemd
  need gdbus libglib2.0-bin
  need fuser psmisc
  need lsof lsof
  need jq jq
  need pgrep procps
  need pipewire pipewire
  need pw-dump pipewire-bin
fi

command -v go >/dev/null 2>&1 || { echo "Go 1.26 or later is needed: https://go.dev/dl/" >&2; exit 1; }

if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing ${missing[*]}"
    log=$(mktemp)
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 \
      || { cat "$log" >&2; exit 1; }
    rm -f "$log"
  else
    echo "these packages are missing: run" >&2
    echo "  sudo apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
fi

[ "$1" = test ] || exit 0
linter=$(go env GOPATH)/bin/golangci-lint
if [ ! -x "$linter" ] || ! "$linter" version 2>/dev/null | grep -q "${2#v}"; then
  echo "building golangci-lint $2 (once; some minutes)"
  go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$2"
fi
