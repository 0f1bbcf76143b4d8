// Package obs is what the agent lets others see of its work: log lines and
// metrics. No plate, pass, token or secret is in either.
package obs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
)

// Format is how log lines are written.
type Format string

// The formats.
const (
	Auto    Format = "auto"    // Journal under systemd, else Text
	Text    Format = "text"    // time, level, message, attributes
	JSON    Format = "json"    // the same as one object a line
	Journal Format = "journal" // for systemd's journal, which has the time: <level> message attributes
)

// NewHandler writes log lines of at least a level. Auto looks at the environment
// for where w leads.
func NewHandler(w io.Writer, format Format, level slog.Leveler, getenv func(string) string) slog.Handler {
	if format == Auto {
		format = Text
		if toJournal(w, getenv("JOURNAL_STREAM")) {
			format = Journal
		}
	}
	opts := &slog.HandlerOptions{Level: level}
	switch format {
	case JSON:
		return slog.NewJSONHandler(w, opts)
	case Journal:
		return newJournal(w, level)
	default:
		return slog.NewTextHandler(w, opts)
	}
}

// toJournal reports whether w is the stream that the manager says leads to its
// journal: a service whose output was sent elsewhere has the variable, too.
func toJournal(w io.Writer, stream string) bool {
	f, ok := w.(*os.File)
	if !ok || stream == "" {
		return false
	}
	dev, inode, ok := identity(f)
	return ok && stream == fmt.Sprintf("%d:%d", dev, inode)
}

// journal writes lines as the journal likes them.
type journal struct {
	out  *sink
	text slog.Handler // writes the rest of the line into out.line
}

// sink is shared by a handler and those derived from it.
type sink struct {
	mu   sync.Mutex
	line bytes.Buffer
	w    io.Writer
}

func newJournal(w io.Writer, level slog.Leveler) slog.Handler {
	out := &sink{w: w}
	return &journal{out, slog.NewTextHandler(&out.line, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
				return slog.Attr{} // the journal has both in fields of their own
			}
			return a
		},
	})}
}

// priority is the level as syslog numbers it.
func priority(l slog.Level) int {
	switch {
	case l >= slog.LevelError:
		return 3
	case l >= slog.LevelWarn:
		return 4
	case l >= slog.LevelInfo:
		return 6
	default:
		return 7
	}
}

// Enabled implements slog.Handler.
func (j *journal) Enabled(ctx context.Context, l slog.Level) bool { return j.text.Enabled(ctx, l) }

// Handle implements slog.Handler. A line is one write, as slog's handlers do.
func (j *journal) Handle(ctx context.Context, r slog.Record) error {
	j.out.mu.Lock()
	defer j.out.mu.Unlock()
	j.out.line.Reset()
	_, _ = fmt.Fprintf(&j.out.line, "<%d>", priority(r.Level)) // a buffer takes everything
	if err := j.text.Handle(ctx, r); err != nil {
		return err
	}
	_, err := j.out.w.Write(j.out.line.Bytes())
	return err
}

// WithAttrs implements slog.Handler.
func (j *journal) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &journal{j.out, j.text.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (j *journal) WithGroup(name string) slog.Handler {
	return &journal{j.out, j.text.WithGroup(name)}
}
