package draw

import (
	"encoding/xml"
	"fmt"
	"math"
	"strings"

	"github.com/modectl/moded/pkg/fsm"
)

// Colours that can be told apart by who sees no red, and on light and dark.
const (
	colourCurrent = "#22aa77"
	colourBlocked = "#c4452f"
	colourLine    = "#7a8290"
	colourText    = "#59616d"
	colourPaper   = "#ffffff"
)

// escaped is text for SVG.
func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}

// point is a place on the picture, in pixels from the top left.
type point struct{ x, y float64 }

func (p point) plus(q point) point    { return point{p.x + q.x, p.y + q.y} }
func (p point) minus(q point) point   { return point{p.x - q.x, p.y - q.y} }
func (p point) times(f float64) point { return point{p.x * f, p.y * f} }
func (p point) length() float64       { return math.Hypot(p.x, p.y) }
func (p point) across() point         { return point{-p.y, p.x}.times(1 / max(p.length(), 1)) }
func (p point) String() string        { return fmt.Sprintf("%.0f,%.0f", p.x, p.y) }
func (p point) within(c, half point) bool {
	return math.Abs(p.x-c.x) <= half.x && math.Abs(p.y-c.y) <= half.y
}

// half is the half of a mode's box.
var half = point{70, 22}

// SVG draws a picture by itself: the modes around a ring, the way there and the
// way back side by side, and a legend of the edges below.
func (d Diagram) SVG() string {
	names := d.Catalog.Names()
	places, size := ring(len(names))
	at := map[string]point{}
	for i, name := range names {
		at[name] = places[i]
	}
	legend, height := d.legend(size.y + 16)
	size.y += height + 16
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" font-family="sans-serif" font-size="13" role="img">`+"\n",
		size.x, size.y, size.x, size.y)
	fmt.Fprintf(&b, "<title>%s</title>\n"+`<rect width="100%%" height="100%%" fill="%s"/>`+"\n", escaped(d.title()), colourPaper)
	b.WriteString(arrowhead("arrow", colourLine) + arrowhead("blocked", colourBlocked))
	start := at[d.Catalog.Default()].minus(point{0, half.y + 58})
	b.WriteString(line(start, at[d.Catalog.Default()].minus(point{0, half.y})))
	b.WriteString(box(start, point{36, 15}, fsm.Boot, d.Current == fsm.Boot))
	lanes := map[[2]string]int{}
	for _, e := range d.Catalog.Edges() {
		lane := lanes[[2]string{e.From, e.To}]
		lanes[[2]string{e.From, e.To}]++
		b.WriteString(d.edge(e, at[e.From], at[e.To], lane))
	}
	for _, name := range names {
		b.WriteString(box(at[name], half, name, name == d.Current))
	}
	b.WriteString(legend + "</svg>\n")
	return b.String()
}

func (d Diagram) title() string {
	if d.Current == "" {
		return "Modes and the edges between them"
	}
	return "Modes and the edges between them; the machine is in " + d.Current
}

// ring gives n places, clockwise, the first on the left, and the size of the
// picture around them.
func ring(n int) (places []point, size point) {
	radius := point{300, 190}.times(max(1, float64(n)/5))
	margin := point{half.x + 50, half.y + 80}
	centre := radius.plus(margin)
	for i := range n {
		turn := math.Pi + 2*math.Pi*float64(i)/float64(n)
		places = append(places, centre.plus(point{radius.x * math.Cos(turn), radius.y * math.Sin(turn)}))
	}
	return places, centre.times(2)
}

func arrowhead(id, colour string) string {
	return fmt.Sprintf(`<marker id="%s" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z" fill="%s"/></marker>`+"\n", id, colour)
}

func box(at, half point, text string, lit bool) string {
	fill, ink := colourPaper, colourText
	if lit {
		fill, ink = colourCurrent, "#ffffff"
	}
	corner := at.minus(half)
	return fmt.Sprintf(`<rect x="%.0f" y="%.0f" width="%.0f" height="%.0f" rx="10" fill="%s" stroke="%s" stroke-width="1.5"/>`+
		`<text x="%.0f" y="%.0f" text-anchor="middle" dy=".35em" fill="%s" font-weight="bold">%s</text>`+"\n",
		corner.x, corner.y, 2*half.x, 2*half.y, fill, colourLine, at.x, at.y, ink, escaped(text))
}

func line(from, to point) string {
	return fmt.Sprintf(`<path d="M%s L%s" fill="none" stroke="%s" stroke-width="1.5" marker-end="url(#arrow)"/>`+"\n", from, to, colourLine)
}

// edge is a curve that leans to its left, so that the way back has its own; a
// second edge of the same way leans further. Its name stands on it, in a dashed
// box where it leads through the hand-over.
func (d Diagram) edge(e fsm.Edge, from, to point, lane int) string {
	colour, marker, text := colourLine, "arrow", e.Event
	if len(d.Blocking(e)) > 0 {
		colour, marker, text = colourBlocked, "blocked", "✗ "+e.Event
	}
	lean := to.minus(from).across().times(-(44 + 62*float64(lane)))
	bend := from.plus(to).times(0.5).plus(lean)
	start, end := leaves(from, to, bend)
	middle := curve(from, bend, to, 0.5)
	half := point{6 + 3.6*float64(len([]rune(text))), 10}
	dashes := ""
	if e.Through {
		dashes = fmt.Sprintf(` stroke="%s" stroke-dasharray="4 3"`, colour)
	}
	return fmt.Sprintf(`<path d="M%s Q%s %s" fill="none" stroke="%s" stroke-width="1.5" marker-end="url(#%s)"/>`+
		`<rect x="%.0f" y="%.0f" width="%.0f" height="%.0f" rx="7" fill="%s"%s/>`+
		`<text x="%.0f" y="%.0f" text-anchor="middle" dy=".35em" font-size="12" fill="%s">%s</text>`+"\n",
		start, bend, end, colour, marker, middle.x-half.x, middle.y-half.y, 2*half.x, 2*half.y, colourPaper, dashes,
		middle.x, middle.y, colour, escaped(text))
}

// legend says of each edge what the picture has no room for.
func (d Diagram) legend(top float64) (text string, height float64) {
	var b strings.Builder
	row := func(text, colour string) {
		fmt.Fprintf(&b, `<text x="24" y="%.0f" font-size="12" fill="%s">%s</text>`+"\n", top+height, colour, escaped(text))
		height += 17
	}
	for _, e := range d.Catalog.Edges() {
		words := []string{fmt.Sprintf("%s: %s to %s", e.Event, e.From, e.To)}
		if e.Through {
			words = append(words, "through "+fsm.Transitioning)
		}
		if len(e.Triggers) > 0 {
			words = append(words, "begun by "+strings.Join(e.Triggers, ", "))
		}
		row(strings.Join(words, "; "), colourText)
		if guards := d.Blocking(e); len(guards) > 0 {
			row("    ✗ blocked by "+strings.Join(guards, ", "), colourBlocked)
		}
	}
	return b.String(), height
}

// leaves finds where the curve leaves the box that it begins in, and where it
// enters the one that it ends in.
func leaves(from, to, bend point) (start, end point) {
	const parts = 200
	start, end = from, to
	for i := range parts {
		if p := curve(from, bend, to, float64(i)/parts); !p.within(from, half) {
			start = p
			break
		}
	}
	for i := parts; i > 0; i-- {
		if p := curve(from, bend, to, float64(i)/parts); !p.within(to, half) {
			end = p
			break
		}
	}
	return start, end
}

// curve is a point of a quadratic Bézier curve.
func curve(from, bend, to point, t float64) point {
	return from.times((1 - t) * (1 - t)).plus(bend.times(2 * t * (1 - t))).plus(to.times(t * t))
}
