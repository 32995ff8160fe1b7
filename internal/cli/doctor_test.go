package cli_test

import (
	"encoding/json"
	"testing"

	"github.com/modectl/moded/internal/doctor"
)

var ann = map[string]string{"USER": "ann", "HOME": "/home/ann"}

func TestTheDoctorLooksAtAMachine(t *testing.T) {
	t.Parallel()
	plain := map[string]string{"USER": "ann", "HOME": "/home/ann", "LC_ALL": "C"}
	playAll(t, []scene{
		{name: "doctor audio of a tuned machine", args: "doctor audio --root testdata/doctor/tuned --config testdata/doctor/studio.toml", env: ann},
		{name: "doctor audio of an untuned machine", args: "doctor audio --root testdata/doctor/untuned", env: ann, tty: true, width: 90},
		{name: "doctor audio in an ASCII locale", args: "doctor audio --root testdata/doctor/untuned --config testdata/good.toml", env: plain},
		{name: "doctor audio as JSON", args: "doctor audio --json --root testdata/doctor/tuned --config testdata/doctor/studio.toml", env: ann},
		{name: "doctor audio with a bad configuration", args: "doctor audio --root testdata/doctor/tuned --config testdata/bad.toml", env: ann},
	})
}

// Whatever this machine is, it is looked at without a daemon, and the exit code
// says whether there is a warning.
func TestTheDoctorLooksAtThisMachine(t *testing.T) {
	t.Parallel()
	r := offline(t, "doctor audio --json --config testdata/good.toml", "")
	var report doctor.Report
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil || r.stderr != "" || len(report.Findings) == 0 {
		t.Fatalf("%v, %q: %s", err, r.stderr, r.stdout)
	}
	if warned := report.Count(doctor.Warning) > 0; warned != (r.code == 1) || r.code > 1 {
		t.Errorf("exit code %d, warned %v", r.code, warned)
	}
}
