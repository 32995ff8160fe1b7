/* A paused stream, as a browser leaves one open: connects to the PulseAudio
 * protocol's server and plays silence. It starts corked; SIGUSR1 starts it.
 * libpulse is opened at run time, so that building this needs none. */
#include <dlfcn.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONTEXT_READY = 4, STREAM_READY = 2, START_CORKED = 1, SAMPLE_U8 = 0 };
struct sample_spec { int format; uint32_t rate; uint8_t channels; };

static void *lib;

static void *sym(const char *name)
{
	void *s = dlsym(lib, name);
	if (!s) {
		fprintf(stderr, "cork: %s\n", dlerror());
		exit(1);
	}
	return s;
}

static volatile sig_atomic_t go;

static void on_usr1(int sig) { go = sig; }

static void fill(void *stream, size_t bytes, void *data)
{
	static int (*write_to)(void *, const void *, size_t, void (*)(void *), int64_t, int);
	static uint8_t quiet[65536];
	(void)data;
	if (!write_to) {
		write_to = sym("pa_stream_write");
		memset(quiet, 128, sizeof quiet);
	}
	while (bytes > 0) {
		size_t n = bytes < sizeof quiet ? bytes : sizeof quiet;
		write_to(stream, quiet, n, NULL, 0, 0);
		bytes -= n;
	}
}

int main(void)
{
	lib = dlopen("libpulse.so.0", RTLD_NOW);
	if (!lib) {
		fprintf(stderr, "cork: %s\n", dlerror());
		return 1;
	}
	void *(*mainloop_new)(void) = sym("pa_mainloop_new");
	void *(*get_api)(void *) = sym("pa_mainloop_get_api");
	int (*prepare)(void *, int) = sym("pa_mainloop_prepare");
	int (*poll)(void *) = sym("pa_mainloop_poll");
	int (*dispatch)(void *) = sym("pa_mainloop_dispatch");
	void *(*context_new)(void *, const char *) = sym("pa_context_new");
	int (*context_connect)(void *, const char *, int, const void *) = sym("pa_context_connect");
	int (*context_state)(void *) = sym("pa_context_get_state");
	void *(*stream_new)(void *, const char *, const struct sample_spec *, const void *) = sym("pa_stream_new");
	void (*on_write)(void *, void (*)(void *, size_t, void *), void *) = sym("pa_stream_set_write_callback");
	int (*connect_playback)(void *, const char *, const void *, int, const void *, void *) = sym("pa_stream_connect_playback");
	int (*stream_state)(void *) = sym("pa_stream_get_state");
	void *(*cork)(void *, int, void (*)(void *, int, void *), void *) = sym("pa_stream_cork");

	signal(SIGUSR1, on_usr1);
	void *loop = mainloop_new();
	void *context = context_new(get_api(loop), "lab-cork");
	void *stream = NULL;
	struct sample_spec spec = { SAMPLE_U8, 8000, 1 };
	int started = 0;
	context_connect(context, NULL, 0, NULL);
	for (;;) {
		if (prepare(loop, 200000) < 0 || poll(loop) < 0 || dispatch(loop) < 0)
			return 1;
		if (context_state(context) > CONTEXT_READY)
			return 1;
		if (!stream && context_state(context) == CONTEXT_READY) {
			stream = stream_new(context, "lab-cork", &spec, NULL);
			on_write(stream, fill, NULL);
			connect_playback(stream, NULL, NULL, START_CORKED, NULL, NULL);
		}
		if (go && !started && stream && stream_state(stream) == STREAM_READY) {
			started = 1;
			cork(stream, 0, NULL, NULL);
		}
	}
}
