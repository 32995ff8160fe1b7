package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/simulate"
)

// mean is what a guard means: figures change from one look to the next.
type mean struct{ Guard, Kind, Outcome, Code, Summary, Remedy string }

// verdicts reads what modectl guards --json says, in the order of the names.
func verdicts(t *testing.T, text string) (allowed bool, list []mean) {
	t.Helper()
	var answer []struct {
		Allowed  bool
		Verdicts []manager1.Verdict
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || len(answer) != 1 {
		t.Fatalf("%v:\n%s", err, text)
	}
	for _, v := range answer[0].Verdicts {
		list = append(list, mean{v.Guard, v.Kind, v.Outcome, v.Code, v.Summary, v.Remedy})
	}
	slices.SortFunc(list, func(a, b mean) int { return strings.Compare(a.Guard, b.Guard) })
	return answer[0].Allowed, list
}

// keep writes a text into a file.
func keep(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestARecordIsJudgedWithoutTheDaemonAsTheDaemonDid(t *testing.T) {
	t.Parallel()
	p := open(t)
	config := keep(t, "simulated.toml", string(simulate.Config()))
	for _, happens := range [][]string{
		{}, {"take start"}, {"take stop", "build start", "gpu hold gpu1 blender"}, {"build stop", "apt start", "load 99", "power battery 20"},
	} {
		for _, line := range happens {
			p.simulate(line)
		}
		code := 3
		if len(happens) == 0 {
			code = 0
		}
		allowed, live := verdicts(t, p.modectl(code, "guards", "compute", "--json"))
		record := keep(t, "facts.json", p.modectl(0, "status", "--resources", "--json"))
		offline := func() string {
			return p.modectl(code, "--bus", "unix:path=/nonexistent/bus", "guards", "compute", "--json", "--config", config, "--facts", record)
		}
		judged, got := verdicts(t, offline())
		if judged != allowed || !reflect.DeepEqual(got, live) || len(live) != 7 {
			t.Errorf("%q: allowed %v, was %v\n got %+v\nlive %+v", happens, judged, allowed, got, live)
		}
	}
}

func TestARefusalIsJudgedAgainFromTheHistory(t *testing.T) {
	t.Parallel()
	p := open(t)
	config := keep(t, "simulated.toml", string(simulate.Config()))
	p.simulate("take start")
	p.modectl(3, "switch", "compute", "--yes")
	shown := p.modectl(0, "history", "show", "--json")
	var record struct {
		Facts    json.RawMessage
		Verdicts []manager1.Verdict
	}
	if err := json.Unmarshal([]byte(shown), &record); err != nil || len(record.Facts) == 0 {
		t.Fatalf("%v:\n%s", err, shown)
	}
	_, got := verdicts(t, p.modectl(3, "guards", "compute", "--json", "--config", config, "--facts", keep(t, "history.json", shown)))
	if len(got) != len(record.Verdicts) {
		t.Fatalf("%d verdicts, %d in the history", len(got), len(record.Verdicts))
	}
	for _, v := range record.Verdicts {
		if want := (mean{v.Guard, v.Kind, v.Outcome, v.Code, v.Summary, v.Remedy}); !slices.Contains(got, want) {
			t.Errorf("%+v is not among %+v", want, got)
		}
	}
}

func TestResourcesShowWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	p := open(t)
	for _, line := range []string{"build start", "apt start", "inhibit start borg the backup runs", "cordon off", "pod start train-0 2", "power battery 40", "take start"} {
		p.simulate(line)
	}
	text := p.modectl(0, "status", "--resources")
	for _, want := range []string{
		"cc1plus", "make", "on pts/1", "of apt, held by apt-get", "borg", "blocks shutdown, sleep: the backup runs",
		"default/train-0: Running, of a Job, 2 GPUs", "battery, 40 %", "http://127.0.0.1:8080 of dev: recording, 1 track armed", "°C", "gnome-shell",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	for _, line := range []string{"build stop", "apt stop", "inhibit stop borg", "fail look jobs"} {
		p.simulate(line)
	}
	if text = p.modectl(0, "status", "--resources"); !strings.Contains(text, "jobs: simulated: the eyes do not see jobs") {
		t.Errorf("unknown jobs are not said:\n%s", text)
	}
	if text = p.modectl(3, "guards", "compute"); !strings.Contains(text, "? unknown  no-jobs") {
		t.Errorf("unknown jobs do not refuse:\n%s", text)
	}
}
