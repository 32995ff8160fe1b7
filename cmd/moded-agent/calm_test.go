package main

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/internal/agent/audio"
)

func TestMemoryIsGivenBackOnceAfterABurstOfNews(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		told := 0
		var freed atomic.Int32
		report := calmed(func(audio.Report) { told++ }, func() { freed.Add(1) })
		for range 10 {
			report(audio.Report{})
			time.Sleep(calmAfter / 2)
			synctest.Wait()
		}
		if told != 10 || freed.Load() != 0 {
			t.Errorf("told %d times, freed %d times in the burst", told, freed.Load())
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if freed.Load() != 1 {
			t.Errorf("freed %d times in an hour of calm", freed.Load())
		}
		report(audio.Report{})
		time.Sleep(time.Hour)
		synctest.Wait()
		if freed.Load() != 2 {
			t.Errorf("freed %d times after further news", freed.Load())
		}
	})
}
