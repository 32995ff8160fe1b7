package main

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/internal/agent/audio"
)

func TestMemoryIsGivenBackOnceAfterABurstOfNews(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		told, freed := 0, 0
		report := calmed(func(audio.Report) { told++ }, func() { freed++ })
		for range 10 {
			report(audio.Report{})
			time.Sleep(calmAfter / 2)
			synctest.Wait()
		}
		if told != 10 || freed != 0 {
			t.Errorf("told %d times, freed %d times in the burst", told, freed)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if freed != 1 {
			t.Errorf("freed %d times in an hour of calm", freed)
		}
		report(audio.Report{})
		time.Sleep(time.Hour)
		synctest.Wait()
		if freed != 2 {
			t.Errorf("freed %d times after further news", freed)
		}
	})
}
