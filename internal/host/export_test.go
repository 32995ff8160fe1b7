package host

import (
	"bytes"
	"context"
	"io"
	"net"
)

// Reexecute is systemctl daemon-reexec, which cuts every connection.
func (m *Manager) Reexecute(ctx context.Context) error {
	l, err := m.connect(ctx)
	if err != nil {
		return err
	}
	return l.object(managerPath).CallWithContext(ctx, managerIface+".Reexecute", 0).Err
}

// NewQuiet is what a Manager reads its socket through.
func NewQuiet(conn net.Conn) io.ReadWriter {
	return newQuiet(conn, func(header []byte) bool { return bytes.Contains(header, jobRemoved) })
}

// ReportAt is Files whose unit leaves its report there.
func (f Files) ReportAt(path string) Files {
	f.report = path
	return f
}

// IsNewOwner is how a restart of logind is noticed.
var IsNewOwner = isNewOwner
