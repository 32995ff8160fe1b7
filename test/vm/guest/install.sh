# Runs inside the guest's root directory, from the initial RAM disk, before the
# first process of the real system: /lab is the archive that the host appended.
set -e
export SYSTEMD_OFFLINE=1
cp -a /lab/stage/. /
systemctl enable lab-session.service lab-runner.service lab-studio.service >/dev/null 2>&1
if [ -e /usr/lib/systemd/user/moded-agent.service ]; then
	systemctl --global enable moded-agent.service >/dev/null 2>&1
fi
for unit in $(cat /lab/enable); do
	systemctl enable "$unit" >/dev/null 2>&1
done
# Nothing here needs what the system does once after an update of /usr.
touch /etc/.updated /var/.updated
