#!/bin/sh
# Runs on the host when the essential packages are there, with the root of the
# image as $1: whatever must be in place before the kernel package makes its
# initial RAM disk.
set -eu
conf="$1/etc/initramfs-tools"
mkdir -p "$conf/conf.d" "$conf/scripts/init-bottom"
echo 'MODULES=list' >"$conf/conf.d/lab"
printf 'virtio_pci\nvirtio_blk\next4\n' >"$conf/modules"

# A second archive that the host appends to the initial RAM disk brings /lab:
# the things under test and the fixtures. They are put in place before the
# first process of the real system starts, as if a package had brought them.
cat >"$conf/scripts/init-bottom/lab" <<'SCRIPT'
#!/bin/sh
[ "$1" = prereqs ] && exit 0
[ -d /lab ] || exit 0
mkdir -p "${rootmnt}/lab"
mount -o bind /lab "${rootmnt}/lab"
chroot "${rootmnt}" /bin/sh /lab/install || echo "lab: install failed" >/dev/console
umount "${rootmnt}/lab"
SCRIPT
chmod 755 "$conf/scripts/init-bottom/lab"
