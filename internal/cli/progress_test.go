package cli

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		p := newProgress(&b, true)
		p.show("reading")
		synctest.Wait()
		if got, want := b.String(), "\r\x1b[K⠋ reading"; got != want {
			t.Errorf("at first %q, want %q", got, want)
		}
		p.show("still reading")
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if got, want := b.String(), " still reading (3 s)"; !strings.HasSuffix(got, want) && !strings.HasSuffix(got, "(4 s)") {
			t.Errorf("after a while %q, want it to end in %q", got[max(0, len(got)-40):], want)
		}
		p.clear()
		if got := b.String(); !strings.HasSuffix(got, "\r\x1b[K") {
			t.Errorf("the line is still there: %q", got[max(0, len(got)-40):])
		}
		before := b.Len()
		p.clear() // once more does nothing
		time.Sleep(time.Second)
		if b.Len() != before {
			t.Error("something was written after clear")
		}
		p.show("again")
		synctest.Wait()
		p.clear()
		if got := b.String()[before:]; got != "\r\x1b[K⠋ again\r\x1b[K" {
			t.Errorf("shown again: %q", got)
		}
	})
}

func TestProgressIsSilentElsewhere(t *testing.T) {
	var b bytes.Buffer
	p := newProgress(&b, false)
	p.show("reading")
	p.clear()
	if b.Len() > 0 {
		t.Errorf("written: %q", b.String())
	}
}

func TestProgressIsForTerminalsThatErase(t *testing.T) {
	for kind, want := range map[string]bool{"xterm": true, "": true, "dumb": false} {
		c := &call{System: System{Stderr: io.Discard, LookupEnv: environ(map[string]string{"TERM": kind})},
			log: slog.New(slog.DiscardHandler), terminal: true}
		if got := c.progress(t.Context()).enabled; got != want {
			t.Errorf("TERM=%q: shown %v, want %v", kind, got, want)
		}
	}
}
