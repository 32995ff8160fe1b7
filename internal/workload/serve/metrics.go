package serve

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// The metrics of vLLM that tell whether it is at work, each once an engine.
const (
	metricRunning = "vllm:num_requests_running"
	metricWaiting = "vllm:num_requests_waiting"
	metricTokens  = "vllm:generation_tokens_total"
)

// Bounds on what a server may say.
const (
	maxMetrics = 8 << 20 // bytes
	maxLine    = 64 << 10
	maxSamples = 4096
	maxCount   = 1 << 30 // requests
)

// counts are what the metrics say, summed over all engines.
type counts struct {
	running, waiting int
	// tokens counts what was generated; nil when the metric is not there.
	tokens *float64
}

// readMetrics reads Prometheus' text. A metric of requests that is not there is
// an error, never zero: an engine that has not reported yet has none.
func readMetrics(r io.Reader) (counts, error) {
	text, err := ours(r)
	if err != nil {
		return counts{}, err
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		return counts{}, errors.New("its metrics are not Prometheus' text")
	}
	running, err := requests(families, metricRunning)
	if err != nil {
		return counts{}, err
	}
	waiting, err := requests(families, metricWaiting)
	if err != nil {
		return counts{}, err
	}
	c := counts{running: running, waiting: waiting}
	if tokens, there := sum(families[metricTokens]); there {
		c.tokens = &tokens
	}
	return c, nil
}

// ours keeps the lines of the metrics that are of interest, with what the
// comments say of their types: a server has thousands more, and whoever listens
// in its place could send millions.
func ours(r io.Reader) (string, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	var kept strings.Builder
	n := 0
	for lines.Scan() {
		line := strings.TrimLeft(lines.Text(), " \t")
		if !interesting(line) {
			continue
		}
		if n++; n > maxSamples {
			return "", errors.New("its metrics have too many engines")
		}
		kept.WriteString(line)
		kept.WriteByte('\n')
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return "", errLong
	} else if err != nil {
		return "", err
	}
	return kept.String(), nil
}

func interesting(line string) bool {
	if comment, is := strings.CutPrefix(line, "# TYPE "); is {
		line = comment
	}
	for _, name := range []string{metricRunning, metricWaiting, metricTokens} {
		if rest, is := strings.CutPrefix(line, name); is && rest != "" && strings.ContainsRune(" \t{", rune(rest[0])) {
			return true
		}
	}
	return false
}

// requests is a sum that must be a number of requests.
func requests(families map[string]*dto.MetricFamily, name string) (int, error) {
	total, there := sum(families[name])
	switch {
	case !there:
		return 0, fmt.Errorf("its metrics do not have %s (yet)", name)
	case !(total >= 0 && total <= maxCount): // not a number is neither
		return 0, fmt.Errorf("%s is not a number of requests", name)
	}
	return int(math.Ceil(total)), nil
}

// sum adds up all samples of a family, whatever their labels.
func sum(f *dto.MetricFamily) (total float64, there bool) {
	for _, m := range f.GetMetric() {
		switch {
		case m.Gauge != nil:
			total += m.GetGauge().GetValue()
		case m.Counter != nil:
			total += m.GetCounter().GetValue()
		case m.Untyped != nil:
			total += m.GetUntyped().GetValue()
		default:
			continue
		}
		there = true
	}
	return total, there
}
