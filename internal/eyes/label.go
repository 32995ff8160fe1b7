package eyes

import "github.com/modectl/moded/pkg/facts"

// label adds names that the probe cannot know: the configuration's of GPUs, and
// of users that are not in /etc/passwd; and what drivers said earlier.
func (e *Eyes) label(f *facts.Facts) {
	users := map[uint32]string{}
	for _, s := range f.Sessions.List {
		users[s.UID] = s.User
	}
	name := func(uid uint32, user *string) {
		if *user == "" {
			*user = users[uid]
		}
	}
	for i := range f.GPUs.List {
		g := &f.GPUs.List[i]
		g.Settings = e.remembered(g.PCI)
		if e.src.GPUName != nil {
			g.Name = e.src.GPUName(*g)
		}
		for j := range g.Holders {
			name(g.Holders[j].UID, &g.Holders[j].User)
			g.Holders[j].Pod = podName(f.Pods, g.Holders[j].Pod)
		}
	}
	for i := range f.Process.List {
		name(f.Process.List[i].UID, &f.Process.List[i].User)
	}
	for i := range f.Jobs.List {
		name(f.Jobs.List[i].UID, &f.Jobs.List[i].User)
	}
	for i := range f.Jobs.Locks {
		name(f.Jobs.Locks[i].Holder.UID, &f.Jobs.Locks[i].Holder.User)
	}
	for i := range f.Inhibitors.List {
		name(f.Inhibitors.List[i].UID, &f.Inhibitors.List[i].User)
	}
	for i := range f.Web.List {
		name(f.Web.List[i].UID, &f.Web.List[i].User)
	}
	for i := range f.Process.PCM {
		name(f.Process.PCM[i].UID, &f.Process.PCM[i].User)
	}
	for i := range f.Process.Audio {
		name(f.Process.Audio[i].UID, &f.Process.Audio[i].User)
	}
}

// podName is what people call the pod of that UID, which the probe reads in the
// cgroup of a process; the UID itself when the cluster did not tell.
func podName(pods facts.Pods, uid string) string {
	for _, p := range pods.List {
		if uid != "" && p.UID == uid {
			return p.Namespace + "/" + p.Name
		}
	}
	return uid
}
