package cli_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/cli"
	"github.com/modectl/moded/internal/config"
)

func FuzzARecordIsJudgedOrRefusedAndNeverObeyed(f *testing.F) {
	cfg, err := config.Load(config.Options{Files: []string{guarded}})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		`{"at":"2026-11-23T12:00:00Z","load":{"cpus":4},"jobs":{"list":[{"pid":1,"comm":"a\u001b[2J"}]}}`,
		`{"facts":{"at":"2026-11-23T12:00:00Z","audio":{"users":[{"uid":1000,"recording":-1,"nodes":[{"class":"recording","client":"\u202e"}]}]}}}`,
		`{"at":"2026-11-23T12:00:00Z","gpus":{"list":[{"pci":"p","holders":[{"pid":1,"comm":"\u0007","compute":true}]}]}}`,
		`{"at":"2026-11-23T12:00:00Z","holds":{"list":[{"scope":"all","who":"\n","user":"\u009b"}]}}`, `[]`, `{`, `null`,
	} {
		f.Add([]byte(seed))
	}
	bad := func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }
	f.Fuzz(func(t *testing.T, raw []byte) {
		verdicts, err := cli.JudgeRecord(cfg, "compute", raw)
		if err != nil {
			return
		}
		if len(verdicts) == 0 {
			t.Error("nobody judged")
		}
		for _, v := range verdicts {
			var texts []string
			texts = append(texts, v.Summary, v.Measured, v.Limit, v.Remedy)
			for _, c := range v.Culprits {
				texts = append(texts, c.Comm, c.User, c.Unit, c.Session, c.Client, c.Detail)
			}
			if text := strings.Join(texts, ""); strings.ContainsFunc(text, bad) {
				t.Errorf("%s: %q has a control", v.Guard, text)
			}
			if v.Code == "guard-broken" {
				t.Errorf("%s broke: %s", v.Guard, v.Summary)
			}
		}
		if out, err := json.Marshal(verdicts); err != nil || len(out) > 4*manager1.MaxLine*manager1.MaxLine {
			t.Errorf("%v, %d bytes", err, len(out))
		}
	})
}
