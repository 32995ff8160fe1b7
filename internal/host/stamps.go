package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// BootID is the kernel's, without dashes. The unit passes it in MODED_BOOT_ID,
// because the sandbox hides the file.
func BootID() (string, error) {
	id := os.Getenv("MODED_BOOT_ID")
	if id == "" {
		raw, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
		if err != nil {
			return "", fmt.Errorf("cannot read the boot id (the unit passes it as MODED_BOOT_ID=%%b): %w", err)
		}
		id = string(raw)
	}
	id = strings.ToLower(strings.ReplaceAll(strings.TrimSpace(id), "-", ""))
	if id == "" {
		return "", errors.New("cannot read the boot id: it is empty")
	}
	return id, nil
}

// Stamps tell this boot, and this soft-reboot of it, from all others. What was
// written under other stamps is history.
func Stamps(ctx context.Context, m *Manager) (bootID string, userspace uint64, err error) {
	if bootID, err = BootID(); err != nil {
		return "", 0, err
	}
	userspace, err = m.UserspaceStart(ctx)
	return bootID, userspace, err
}
