package host_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/modectl/moded/internal/host"
)

// awaitNews waits until that unit is told of.
func awaitNews(t *testing.T, news <-chan string, unit string) {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case got := <-news:
			if got == unit {
				return
			}
			if !slices.Contains([]string{"", "stays.service", "alias.service", "app.slice"}, got) {
				t.Errorf("told of %q, which is not followed", got)
			}
		case <-limit:
			t.Fatalf("never told of %q", unit)
		}
	}
}

// unitNews asks whether PID 1 tells of units without being asked, on its private
// socket, and whether we still hear it after it has executed itself anew.
func unitNews(t *testing.T, m *host.Manager) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	told := make(chan string, 1000)
	news := host.NewUnitNews(m, func(unit string) { told <- unit })
	news.Follow([]string{"stays.service", "alias.service", "app.slice"})
	done := make(chan struct{})
	go func() {
		defer close(done)
		news.Run(ctx)
	}()
	defer func() {
		cancel()
		<-done
	}()
	settled := func(unit string, f func(context.Context, string) (string, error)) {
		t.Helper()
		if result, err := f(ctx, unit); err != nil || result != "done" {
			t.Fatalf("%s: %s, %v", unit, result, err)
		}
	}
	// Until the connection stands nothing is told: repeat until it is.
	deadline := time.Now().Add(patience)
	for len(told) == 0 && time.Now().Before(deadline) {
		settled("stays.service", m.Start)
		settled("stays.service", m.Stop)
	}
	awaitNews(t, told, "stays.service")
	settled("guest.service", m.Start) // not followed: nothing is told
	settled("named.service", m.Start)
	awaitNews(t, told, "alias.service")
	settled("named.service", m.Stop)
	settled("guest.service", m.Stop)
	awaitNews(t, told, "alias.service")
	slice := 0
	for range 5 { // in a slice that is there and stays so
		settled("guest.service", m.Start)
		settled("guest.service", m.Stop)
	}
	settled("stays.service", m.Start)
	for got := range told {
		if got == "app.slice" {
			slice++
		}
		if got == "stays.service" {
			break
		}
	}
	if slice > 1 {
		t.Errorf("told %d times of a slice whose state is the same", slice)
	}
	settled("stays.service", m.Stop)
	if err := m.Reexecute(ctx); err != nil {
		t.Log("reexecute:", err) // it often dies before it answers
	}
	awaitNews(t, told, "")
	for len(told) > 0 {
		<-told
	}
	deadline = time.Now().Add(patience)
	for len(told) == 0 && time.Now().Before(deadline) {
		settled("stays.service", m.Start)
		settled("stays.service", m.Stop)
	}
	awaitNews(t, told, "stays.service")
}
