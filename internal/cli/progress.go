package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
)

// progress shows what a person at a terminal is waiting for, in one line that
// is written over: a turning mark, the text, and after a while the seconds. It
// shows nothing where w is no terminal. Its methods may be called concurrently;
// write nothing else to w between show and clear.
//
//	p := call.progress(ctx)
//	defer p.clear()
//	p.show("reading zone example.com., 1200 record sets so far")
type progress struct {
	w       io.Writer
	enabled bool

	mu     sync.Mutex
	text   string
	since  time.Time
	stop   chan struct{}  // closed to end the turning; nil while nothing is shown
	turner sync.WaitGroup // the goroutine that turns
}

const (
	progressTurn  = 120 * time.Millisecond
	progressCount = 3 * time.Second // from then on the seconds are told
	eraseLine     = "\r\x1b[K"      // ECMA-48 EL
)

func newProgress(w io.Writer, terminal bool) *progress {
	return &progress{w: w, enabled: terminal}
}

// progress shows what a command does to a person who is not told by the log.
func (c *call) progress(ctx context.Context) *progress {
	return newProgress(c.Stderr, c.terminal && !dumb(c.LookupEnv) && !c.log.Enabled(ctx, slog.LevelInfo))
}

// show begins to show a text, or puts it in the place of the one shown.
func (p *progress) show(text string) {
	if !p.enabled {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = text
	if p.stop != nil {
		return
	}
	p.since, p.stop = time.Now(), make(chan struct{})
	p.turner.Add(1)
	go p.turn(p.stop)
}

// clear removes the line; nothing is written afterwards.
func (p *progress) clear() {
	p.mu.Lock()
	stop := p.stop
	p.stop = nil
	p.mu.Unlock()
	if stop == nil {
		return
	}
	close(stop)
	p.turner.Wait()
}

func (p *progress) turn(stop <-chan struct{}) {
	defer p.turner.Done()
	ticker := time.NewTicker(progressTurn)
	defer ticker.Stop()
	marks := []rune(`⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏`)
	for i := 0; ; i++ {
		p.mu.Lock()
		text, lasted := p.text, time.Since(p.since)
		p.mu.Unlock()
		line := fmt.Sprintf("%s%c %s", eraseLine, marks[i%len(marks)], text)
		if lasted >= progressCount {
			line += fmt.Sprintf(" (%d s)", int(lasted.Seconds()))
		}
		// A terminal that cannot be written to is nothing to stop the work for.
		_, _ = io.WriteString(p.w, line)
		select {
		case <-ticker.C:
		case <-stop:
			_, _ = io.WriteString(p.w, eraseLine)
			return
		}
	}
}
