package cli

import (
	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/config"
)

// JudgeRecord reads a file of facts and judges it, as guards --facts does.
func JudgeRecord(cfg *config.Config, mode string, raw []byte) ([]manager1.Verdict, error) {
	rec, err := parseRecord(raw)
	if err != nil {
		return nil, err
	}
	m, err := (&app{}).judge(cfg.Catalog, mode, "", rec)
	return m.Verdicts, err
}
