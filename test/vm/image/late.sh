#!/bin/sh
# Runs on the host when all packages are in, with the root of the image as $1:
# two users, a greeter, dbus-broker as the system bus, and nothing that costs boot time
# without serving a test.
set -eu
root="$1"
echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
echo lab >"$root/etc/hostname"
printf '127.0.0.1 localhost lab\n' >"$root/etc/hosts"
chroot "$root" useradd -m -u 1000 -s /bin/bash -G video,audio,render,input dev
chroot "$root" useradd -m -u 1001 -s /bin/bash -G video,audio,render other
chroot "$root" useradd --system -m -d /var/lib/greeter -s /bin/sh -G video,audio,render,input greeter
export SYSTEMD_OFFLINE=1
chroot "$root" systemctl enable dbus-broker.service
chroot "$root" systemctl --global enable dbus-broker.service
chroot "$root" systemctl --global disable filter-chain.service
chroot "$root" systemctl --global enable pipewire.socket pipewire-pulse.socket wireplumber.service
chroot "$root" systemctl set-default graphical.target
chroot "$root" systemctl mask \
	apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
	e2scrub_reap.service man-db.timer systemd-networkd-wait-online.service \
	serial-getty@ttyS0.service getty@tty1.service systemd-firstboot.service \
	alsa-restore.service alsa-state.service
rm -rf "$root/var/log/journal" "$root/usr/share/doc" "$root/usr/share/man" "$root/usr/share/locale"
