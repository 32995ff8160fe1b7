package look

import (
	"context"
	"errors"
	"slices"

	"github.com/modectl/moded/pkg/facts"
)

// settings asks what devices are set to. Each that nothing is known of says why.
func (m *Machine) settings(ctx context.Context, pci []string) map[string]facts.GPUSettings {
	var report Report
	err := errors.New("nobody can be asked")
	if m.Settings != nil {
		report, err = m.Settings(ctx, pci)
	}
	all := make(map[string]facts.GPUSettings, len(pci))
	for _, id := range pci {
		all[id] = report.settingsOf(id, err)
	}
	return all
}

func (r Report) settingsOf(pci string, err error) (s facts.GPUSettings) {
	i := slices.IndexFunc(r.Devices, func(d ReportDevice) bool { return NormalPCI(d.PCI) == NormalPCI(pci) })
	problem := reason(r.Problem)
	switch {
	case err != nil:
		problem = reason(err.Error())
	case r.Absent:
		return facts.GPUSettings{Part: part(nil), Without: problem}
	case i >= 0 && r.Devices[i].Lost != "":
		problem = reason(r.Devices[i].Lost)
	case i >= 0 && r.Devices[i].Settings != nil:
		s = clean(*r.Devices[i].Settings)
		s.Part = part(nil)
		return s
	case problem == "":
		problem = "the library did not speak of it"
	}
	return facts.GPUSettings{Part: part(errors.New(problem))}
}

// clean makes what a library calls things fit to be shown.
func clean(s facts.GPUSettings) facts.GPUSettings {
	s.Parts, s.Profiles = slices.Clone(s.Parts), slices.Clone(s.Profiles)
	for _, list := range [][]string{s.Parts, s.Profiles} {
		for i := range list {
			list[i] = facts.Clean(list[i])
		}
	}
	return s
}
