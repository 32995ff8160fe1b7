package cli

import (
	"fmt"
	"time"

	"github.com/modectl/moded/dbus/manager1"
)

// progress shows a transition: on a terminal the step that runs in a line that
// is drawn over and those that are over above it, elsewhere one line for each
// event. Nothing at all with --json.
type progress struct {
	app     *app
	now     manager1.Progress
	current string
	began   time.Time
	phase   string
	// question is drawn in the place of the step while it has no answer.
	question string
	drawn    string // last
}

func newProgress(a *app) *progress { return &progress{app: a} }

// properties takes the open transition as it is now.
func (p *progress) properties(t manager1.Progress) {
	p.now = t
	if p.app.json || t.Phase == p.phase {
		return
	}
	p.phase = t.Phase
	switch t.Phase {
	case manager1.PhaseGrace:
		if !p.app.ui.live {
			p.app.ui.printf("grace period, %s; modectl cancel ends it, and nothing was touched", p.app.left(t.Deadline))
		}
	case manager1.PhaseUndoing:
		p.current = ""
		why := "undoing"
		if t.Message != "" {
			why += ": " + t.Message
		}
		p.app.ui.text("", yellow, why)
	}
	p.draw()
}

// step takes a change of a step's status.
func (p *progress) step(e manager1.Event) {
	if p.app.json {
		return
	}
	label := stepCount(e.Index, e.Total) + " " + e.Step
	switch {
	case !p.app.ui.live:
		p.app.ui.printf("%s: %s", label, e.Status)
	case e.Status == manager1.Doing || e.Status == manager1.Undoing:
		p.current, p.began = label+": "+e.Status, p.app.Now()
		p.draw()
	default:
		p.app.ui.printf("%s", label+": "+p.app.ui.paint(statusStyle(e.Status), e.Status))
		p.current = ""
		p.draw()
	}
}

// pause draws nothing until there is news: nobody knows what the step does.
func (p *progress) pause() { p.current, p.now = "", manager1.Progress{} }

func statusStyle(status string) style {
	switch status {
	case manager1.Done:
		return green
	case manager1.Failed:
		return red
	case manager1.Undone:
		return yellow
	default:
		return dim
	}
}

// ask puts a question that stays the last line until asked.
func (p *progress) ask(question string) {
	p.question = question
	if !p.app.ui.live {
		p.app.ui.printf("%s", question)
	}
	p.draw()
}

// asked says that the answer was typed: the cursor is below the question, which
// news may have drawn there once more.
func (p *progress) asked() {
	p.question = ""
	p.app.ui.erase()
}

// tick draws the line again when time has changed it.
func (p *progress) tick() {
	if p.line() != p.drawn {
		p.draw()
	}
}

// draw renews the line that is drawn over.
func (p *progress) draw() {
	if p.app.json {
		return
	}
	if p.drawn = p.line(); p.drawn != "" {
		p.app.ui.draw(p.drawn)
	}
}

// line is what is to be drawn over, empty when there is nothing.
func (p *progress) line() string {
	switch {
	case p.question != "":
		return p.question
	case p.now.Phase == manager1.PhaseGrace:
		return fmt.Sprintf("begins in %s; modectl cancel ends it", p.app.left(p.now.Deadline))
	case p.current != "":
		return fmt.Sprintf("%s ... %s", p.current, seconds(p.app.Now().Sub(p.began)))
	}
	return ""
}
