# Runs a real systemd as a user's manager, with a cgroup tree of its own, until
# standard input ends. To be started in a new mount namespace:
#   systemd.sh DIR    DIR/run becomes its runtime directory, DIR/home its home
set -eu
dir=$1
name=modedtest.$(basename "$dir")
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system # what sd_booted(3) looks for
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir "/sys/fs/cgroup/$name"
(
	echo 0 > "/sys/fs/cgroup/$name/cgroup.procs"
	exec env -i PATH="$PATH" XDG_RUNTIME_DIR="$dir/run" HOME="$dir/home" \
		/lib/systemd/systemd --user --log-target=console > "$dir/log" 2>&1 < /dev/null
) &
cat > /dev/null
echo 1 > "/sys/fs/cgroup/$name/cgroup.kill"
wait
# What the manager left behind is killed, and dies in its own time.
until grep -q "populated 0" "/sys/fs/cgroup/$name/cgroup.events"; do sleep 0.05; done
find "/sys/fs/cgroup/$name" -depth -type d -exec rmdir {} +
