package host

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"

	"github.com/modectl/moded/pkg/facts"
)

// maxInhibitors is how many locks are looked at. logind gives out 8192, and to
// anybody; with more than this nobody can say that none is in the way.
const maxInhibitors = 1024

// Inhibitors lists logind's inhibitor locks, without those of this process.
// Names are cleaned: who and why are their owners' own words.
func (l Logind) Inhibitors(ctx context.Context) facts.Inhibitors {
	var list []struct {
		What, Who, Why, Mode string
		UID, PID             uint32
	}
	if err := l.call(ctx, loginPath, loginIface+".ListInhibitors").Store(&list); err != nil {
		return facts.Inhibitors{Part: facts.Part{Unknown: fmt.Sprintf("cannot list inhibitors: %v", err)}}
	}
	if len(list) > maxInhibitors {
		return facts.Inhibitors{Part: facts.Part{Unknown: fmt.Sprintf("there are %d inhibitors, too many to look at", len(list))}}
	}
	own, names := uint32(os.Getpid()), userNames{}
	var found facts.Inhibitors
	for _, entry := range list {
		if entry.PID == own {
			continue
		}
		found.List = append(found.List, facts.Inhibitor{What: words(entry.What), Who: facts.Clean(entry.Who),
			Why: facts.Clean(entry.Why), Mode: facts.Clean(entry.Mode), UID: entry.UID, User: names.of(entry.UID), PID: entry.PID})
	}
	return found
}

// words splits what an inhibitor is against: "shutdown:sleep:idle".
func words(what string) []string {
	list := []string{}
	for word := range strings.SplitSeq(what, ":") {
		if word = facts.Clean(word); word != "" {
			list = append(list, word)
		}
	}
	return list
}

// userNames remembers what it was asked for.
type userNames map[uint32]string

// of reads the account's name from the system's databases; empty when it is not
// there.
func (n userNames) of(uid uint32) string {
	if name, asked := n[uid]; asked {
		return name
	}
	n[uid] = ""
	if u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10)); err == nil {
		n[uid] = facts.Clean(u.Username)
	}
	return n[uid]
}
