package app

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/lane"
	"github.com/openlot/openlot/protocol/id"
)

// standing is what of the orders for a lane holds until another one.
type standing struct {
	Mode     string   `json:"mode"`
	Commands []string `json:"commands"`
	Set      string   `json:"set,omitempty"` // the mode that the owner has set last; empty: none
}

func (s standing) equal(o standing) bool {
	return s.Mode == o.Mode && s.Set == o.Set && slices.Equal(s.Commands, o.Commands)
}

func (g *gate) standing() standing {
	s := standing{Mode: g.mode.String(), Commands: []string{}, Set: g.set}
	for _, c := range g.state.Standing() {
		for name, is := range commands {
			if is == c {
				s.Commands = append(s.Commands, name)
			}
		}
	}
	return s
}

// remember writes down what holds, where it has changed.
func (g *gate) remember() {
	now := g.standing()
	if now.equal(g.kept) {
		return
	}
	if err := g.keep(g.lane.ID, now); err != nil {
		g.log.Error("what holds for a lane could not be written down: it would not hold after a start", "lane", g.lane.ID, "err", err)
	}
	g.kept = now
}

// restore brings a lane to where the orders left it.
func (g *gate) restore(s standing) {
	if m, ordered := admission.ParseMode(s.Mode); ordered {
		g.mode = m
	}
	g.set = s.Set
	var list []lane.Command
	for _, name := range s.Commands {
		if c, known := commands[name]; known {
			list = append(list, c)
		}
	}
	cfg := lane.Defaults()
	cfg.Reversible = g.reversible
	g.state = lane.Restored(cfg, g.lane.Direction == admission.Exit, list)
	g.kept = g.standing()
	g.direct()
}

// ordersFile keeps what holds for the lanes, in the data directory.
const ordersFile = "lanes.json"

// orders is that file.
type orders struct {
	mu   sync.Mutex
	path string
	all  map[id.Lane]standing
}

// openOrders reads the file. One that cannot be read holds nothing: the lanes are
// then as configured, which is the safer of the two, and it is told.
func openOrders(dir string, log *slog.Logger) *orders {
	o := &orders{path: filepath.Join(dir, ordersFile), all: map[id.Lane]standing{}}
	text, err := os.ReadFile(o.path)
	if err == nil {
		err = json.Unmarshal(text, &o.all)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		log.Error("what held for the lanes cannot be read: they are as configured", "err", err)
		o.all = map[id.Lane]standing{}
	}
	return o
}

func (o *orders) of(l id.Lane) standing {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all[l]
}

// keep writes down what holds for a lane before it returns.
func (o *orders) keep(l id.Lane, s standing) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all[l] = s
	text, err := json.MarshalIndent(o.all, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(o.path), ordersFile+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), o.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	dir, err := os.Open(filepath.Dir(o.path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
