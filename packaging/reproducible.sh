#!/usr/bin/env bash
# Builds all programs twice, from two copies of what is committed, at two places
# and each from an empty cache, and compares them. $1 is the version that they say.
set -euo pipefail
version=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
for copy in one another/one; do
  mkdir -p "$tmp/$copy"
  git archive HEAD | tar --extract --directory "$tmp/$copy"
  GOCACHE=$tmp/cache make --silent --no-print-directory -C "$tmp/$copy" programs VERSION="$version"
  rm -rf "$tmp/cache"
  (cd "$tmp/$copy/build/bin" && sha256sum ./*) >"$tmp/sums.${copy//\//-}"
done
if ! diff "$tmp/sums.one" "$tmp/sums.another-one"; then
  echo "two builds of $version differ" >&2
  exit 1
fi
cat "$tmp/sums.one"
echo "$(wc -l <"$tmp/sums.one") passed, 0 failed"
