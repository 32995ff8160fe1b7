package main

// bootScenarios are about the machine as it comes up.
func bootScenarios() []scenario {
	return []scenario{short("lab", 30, labWorks)}
}

func reset(t *T) {}

// labWorks asserts the lab itself.
func labWorks(t *T) {
	t.Sh("sleep 25; systemctl is-system-running; loginctl; loginctl session-status 1 2 3; fuser -v /dev/dri/card0; cat /sys/kernel/debug/dri/*/clients; cat /proc/asound/cards; lspci 2>/dev/null; ls -l /sys/class/drm/card0/device; systemctl --failed; busctl status --no-pager| head; ps axo user,pid,cgroup:80,args | tail -60; systemctl status dbus.service")
	t.Sh("setpriv --reuid=1000 --regid=1000 --init-groups env XDG_RUNTIME_DIR=/run/user/1000 pw-dump | jq -c '.[].info.props|select(.[\"media.class\"])|[.[\"media.class\"],.[\"node.name\"]]'")
}
