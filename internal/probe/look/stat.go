package look

import "bytes"

// stat is what we need of /proc/PID/stat, see man:proc_pid_stat(5).
type stat struct {
	comm  string // as the process chose it: clean it before it is shown
	state byte
	// ppid is the parent; pgrp and session are job control's, tty the device
	// number of the controlling terminal and tpgid what is in its foreground.
	ppid, pgrp, session, tty, tpgid int64
	flags                           uint64
	// own are its ticks of CPU, waited those of children that it waited for.
	own, waited uint64
	// start is when it began, in ticks since the machine was booted: with the
	// pid it names a process for good.
	start   uint64
	threads uint64
	ignored uint64 // signals, of the first 31
}

const (
	// ticks of CPU a second, which the kernel promises to programs: USER_HZ.
	ticks = 100
	// kernelThread is PF_KTHREAD.
	kernelThread = 0x00200000
)

// total is all CPU that it and those it waited for have used.
func (s stat) total() uint64 { return s.own + s.waited }

func (s stat) kernel() bool { return s.flags&kernelThread != 0 }

// gone tells whether only the exit status is left. While threads live on behind
// a main thread that has ended, there is more.
func (s stat) gone() bool { return s.state == 'X' || s.state == 'Z' && s.threads <= 1 }

// parseStat reads /proc/PID/stat. The name is in parentheses and may have
// parentheses, blanks and newlines of its own; nothing after it has any.
func parseStat(text []byte) (stat, bool) {
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < open || end+2 >= len(text) {
		return stat{}, false
	}
	s := stat{comm: string(text[open+1 : end]), state: text[end+2]}
	if !bytes.HasPrefix(text[end+1:], []byte{' ', s.state, ' '}) {
		return stat{}, false
	}
	const first = 4 // the number of the field after the state
	f := fields{rest: text[end+4:]}
	for n := first; n <= 33; n++ {
		v, negative, ok := f.next()
		if !ok || v > 1<<62 && n <= 22 {
			return stat{}, false
		}
		signed := int64(v)
		if negative {
			signed = -signed
		}
		switch n {
		case 4:
			s.ppid = signed
		case 5:
			s.pgrp = signed
		case 6:
			s.session = signed
		case 7:
			s.tty = int64(uint32(signed))
		case 8:
			s.tpgid = signed
		case 9:
			s.flags = v
		case 14, 15:
			s.own += v
		case 16, 17: // these two are signed in the kernel
			s.waited += uint64(max(signed, 0))
		case 20:
			s.threads = v
		case 22:
			s.start = v
		case 33:
			s.ignored = v
		}
	}
	return s, true
}

// fields cuts numbers from a line.
type fields struct{ rest []byte }

func (f *fields) next() (n uint64, negative, ok bool) {
	for len(f.rest) > 0 && f.rest[0] == ' ' {
		f.rest = f.rest[1:]
	}
	if len(f.rest) > 0 && f.rest[0] == '-' {
		negative, f.rest = true, f.rest[1:]
	}
	for len(f.rest) > 0 && f.rest[0] >= '0' && f.rest[0] <= '9' {
		digit := uint64(f.rest[0] - '0')
		if n > (1<<64-1-digit)/10 {
			return 0, false, false
		}
		n, ok, f.rest = n*10+digit, true, f.rest[1:]
	}
	if len(f.rest) > 0 && f.rest[0] != ' ' && f.rest[0] != '\n' {
		return 0, false, false
	}
	return n, negative, ok
}
