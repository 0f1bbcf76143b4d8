package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/openlot/openlot/edge/internal/kiosk"
	"github.com/openlot/openlot/edge/internal/kiosk/escpos"
)

// Names of the files of simulated devices in their directory.
const (
	CashFile     = "cash.json"
	TerminalFile = "terminal.json"
	PaperFile    = "paper.bin"    // what the printer was sent
	PrintedFile  = "printed.json" // the number of the newest slip
)

// step is how long a piece takes to move.
const step = 120 * time.Millisecond

// Devices are all three, with their memories in files.
type Devices struct {
	Cash     *Cash
	Terminal *Terminal
	Printer  *Printer
}

// Open makes devices with their memories in a directory. A new cash device has so
// many coins of each kind in its hoppers.
func Open(dir string, head escpos.Head, coins, notes []int64, filled int) (*Devices, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	var m Memory
	for i, v := range coins {
		m.Hoppers = append(m.Hoppers, kiosk.Hopper{ID: i + 1, Value: v, Count: filled})
	}
	m.Totals.Filled = worth(m)
	var books []Charge
	var printed uint64
	for name, into := range map[string]any{CashFile: &m, TerminalFile: &books, PrintedFile: &printed} {
		if err := load(filepath.Join(dir, name), into); err != nil {
			return nil, fmt.Errorf("read a simulated device: %w", err)
		}
	}
	var takes []kiosk.Pieces
	for _, v := range coins {
		takes = append(takes, kiosk.Pieces{Value: v})
	}
	for _, v := range notes {
		takes = append(takes, kiosk.Pieces{Value: v, Note: true})
	}
	return &Devices{
		Cash:     NewCash(m, takes, func(m Memory) error { return save(filepath.Join(dir, CashFile), m) }),
		Terminal: NewTerminal(books, func(all []Charge) error { return save(filepath.Join(dir, TerminalFile), all) }),
		Printer:  &Printer{dir: dir, head: head, printed: printed},
	}, nil
}

// Run moves money until ctx ends.
func (d *Devices) Run(ctx context.Context) error {
	tick := time.NewTicker(step)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if _, err := d.Cash.Advance(); err != nil {
				return err
			}
		}
	}
}

// ServeHTTP is the world in front of the devices: POST …/insert?value=200 puts
// something into the slot, …/card?approved=true shows a card, …/paper?there=false takes the
// paper out of the printer.
func (d *Devices) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var err error
	switch what := filepath.Base(r.URL.Path); what {
	case "insert":
		var value int64
		if value, err = strconv.ParseInt(r.URL.Query().Get("value"), 10, 64); err == nil {
			err = d.Cash.Insert(value)
		}
	case "card":
		err = d.Terminal.Show(r.URL.Query().Get("approved") == "true")
	case "paper":
		var there bool
		if there, err = strconv.ParseBool(r.URL.Query().Get("there")); err == nil {
			d.Printer.Load(there)
		}
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
	}
}

// Printer is a receipt printer whose paper is a file.
type Printer struct {
	dir  string
	head escpos.Head

	mu      sync.Mutex
	printed uint64
	empty   bool
}

// Order prints a slip that has not come out yet.
func (p *Printer) Order(o kiosk.Order) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o.Kind != kiosk.OrderPrint || o.Seq <= p.printed || p.empty {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(p.dir, PaperFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(escpos.Receipt(p.head, o.Slip))
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	p.printed = o.Seq
	return save(filepath.Join(p.dir, PrintedFile), p.printed)
}

// Load puts paper in, or takes it out.
func (p *Printer) Load(there bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.empty = !there
}

// Report is what the printer says.
func (p *Printer) Report() kiosk.Printer {
	p.mu.Lock()
	defer p.mu.Unlock()
	return kiosk.Printer{Answers: true, Paper: !p.empty, Printed: p.printed}
}

func load(name string, into any) error {
	raw, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

// save replaces a file as a whole, on disk when it returns.
func save(name string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := os.Create(name + ".new")
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}
