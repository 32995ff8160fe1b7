# Runs in fresh namespaces: puts the newcomer's machine together and runs one
# line there as the newcomer, who goes on where the line before has ended.
#   $1 the root, $2 the line; the rest are variables of the environment.
set -eu
root=$1 line=$2
shift 2
mount --bind "$root" "$root" # a mount of its own, which namespaces inside need
cd "$root"
mounts
# How this machine finds and trusts registries is its own affair, and the guest's.
for file in /etc/resolv.conf /etc/hosts /etc/ssl/certs; do
	if [ -e "$file" ]; then
		[ -e ".$file" ] || touch ".$file"
		mount --bind -o ro "$file" ".$file"
	fi
done
exec chroot . setpriv --reuid 1000 --regid 1000 --init-groups env -i HOME=/home/newcomer USER=newcomer LOGNAME=newcomer \
	SHELL=/bin/bash LANG=C.UTF-8 TERM=dumb PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin DEBIAN_FRONTEND=noninteractive "$@" \
	bash -ec 'cd ~; if [ -e ~/.where ]; then cd "$(cat ~/.where)"; fi; eval "$0"; pwd >~/.where' "$line"
