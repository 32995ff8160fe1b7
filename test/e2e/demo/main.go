// Demo tells in a terminal, in under a minute, what moded does: the real moded
// and modectl on a simulated machine and a private bus. It needs no root and
// leaves nothing running.
//
// It is a test as well: every exit code and the words that matter are checked,
// and the demo ends with exit code 0 only if the story was true.
//
//go:generate go run . -svg ../../../docs/demo.svg
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/modectl/moded/test/e2e/stage"
)

// limit is how long the story may take at its own pace, on a machine with nothing
// else to do.
var limit = time.Minute

func main() {
	bin := flag.String("bin", "", "use moded and modectl of this `DIRECTORY` rather than building them")
	svg := flag.String("svg", "", "write a picture of it to this `FILE`")
	flag.DurationVar(&limit, "limit", limit, "fail when it takes longer than this `TIME`")
	speed := flag.Float64("speed", 1, "tell it that much faster")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *bin, *svg, *speed); err != nil {
		fmt.Fprintf(os.Stderr, "\ndemo: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bin, svg string, speed float64) (err error) {
	s, err := stage.New(ctx, stage.Options{Bin: bin, Speed: speed})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	t := newTeller(s, speed)
	began := time.Now()
	if err := tell(ctx, t); err != nil {
		return fmt.Errorf("%w\n\nmoded said:\n%s", err, t.said())
	}
	if took := time.Since(began); took > limit {
		return fmt.Errorf("the story took %s, more than %s", took.Round(time.Second), limit)
	}
	if svg == "" {
		return nil
	}
	if err := os.WriteFile(svg, []byte(t.picture.SVG("moded on a simulated machine")), 0o644); err != nil { // #nosec G306 -- a picture for everybody
		return fmt.Errorf("cannot write the picture: %w", err)
	}
	return nil
}
