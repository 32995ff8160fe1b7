// crowd fills a machine with real processes, so that there is something to look
// at:
//
//	crowd PROCESSES FDS [HOSTILE [FILE HOLDERS]]
//
// Each process has FDS descriptors of the kinds that programs have, standard
// input and its like among them; 0 closes all. With HOSTILE set to 1 they bear
// names that a careless reader trips over. The first HOLDERS of them hold FILE
// beside that. "ready" is said when all are there. They end when standard input
// does, and when this process does, however it ends.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *hostile[] = {
	"evil) R 1 1 1", "a\nUid:\t0\t0\t0", "\033[2J\033[31mred", "\xff\xfe\xfd", "\r\b\b\b\bpass", "(((((", "))))) Z 1", " ",
	"\xe2\x80\xae" "reverse", "{\"a\":\"", "\t\v\f\x7f", "\xc2\x9b" "2J",
};

#define HOSTILE (sizeof hostile / sizeof *hostile)

static void die(const char *what) {
	fprintf(stderr, "crowd: %s: %s\n", what, strerror(errno));
	kill(0, SIGTERM); // the group is ours alone, and its first process ignores it
	exit(1);
}

static int must(int result, const char *what) {
	if (result < 0)
		die(what);
	return result;
}

// furnish opens descriptors until there are n: of three of a desktop's, one is
// a socket.
static void furnish(int n) {
	int null = must(open("/dev/null", O_RDWR), "open"), pair[2];
	for (int fd = 0; fd < 3; fd++)
		must(dup2(null, fd), "dup");
	if (null > 2)
		close(null);
	for (int have = 3, turn = 0; have < n; turn++) {
		if (have + 2 <= n && turn % 4 == 0) {
			must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
			have += 2;
		} else if (have + 2 <= n && turn % 4 == 1) {
			must(pipe(pair), "pipe");
			have += 2;
		} else {
			must(turn % 4 == 2 ? eventfd(0, 0) : open("/proc/self/exe", O_RDONLY), "open");
			have++;
		}
	}
}

// live is what each process does. Its title is what ps shows of it.
static void live(int i, int fds, int bad, const char *file, int ready, char *title, size_t room) {
	if (bad) {
		prctl(PR_SET_NAME, hostile[i % HOSTILE]);
		strncpy(title, hostile[(i + 1) % HOSTILE], room - 1);
	}
	int held = -1;
	close_range(0, ready - 1, 0);
	close_range(ready + 1, ~0U, 0);
	if (fds > 0)
		furnish(fds);
	if (file)
		held = must(open(file, O_RDONLY | O_NONBLOCK), file);
	must(write(ready, "", 1), "write");
	close(ready);
	(void)held;
	for (;;)
		pause();
}

int main(int argc, char **argv) {
	if (argc < 3)
		return 2;
	int n = atoi(argv[1]), fds = atoi(argv[2]), bad = argc > 3 && atoi(argv[3]);
	char *file = argc > 5 ? strdup(argv[4]) : NULL, *title = argv[0];
	int holders = argc > 5 ? atoi(argv[5]) : 0, ready[2];
	size_t room = argv[argc - 1] + strlen(argv[argc - 1]) - title;
	pid_t self = getpid();
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	setpgid(0, 0);
	signal(SIGTERM, SIG_IGN);
	must(pipe(ready), "pipe");
	for (int i = 0; i < n; i++) {
		pid_t pid = must(fork(), "fork");
		if (pid > 0)
			continue;
		signal(SIGTERM, SIG_DFL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != self)
			_exit(1);
		live(i, fds, bad, i < holders ? file : NULL, ready[1], title, room);
	}
	close(ready[1]);
	char buf[4096];
	int have = 0, got;
	while (have < n && (got = read(ready[0], buf, sizeof buf)) > 0)
		have += got;
	if (have == n && puts("ready") >= 0 && fflush(stdout) == 0)
		while (read(0, buf, sizeof buf) > 0)
			;
	// Who ends them also reaps them: PID 1 of a container may not.
	kill(0, SIGTERM);
	while (wait(NULL) > 0)
		;
	return have != n;
}
