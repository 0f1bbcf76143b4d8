package gpio

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestChipsAreFoundByLabelAndLinesByName(t *testing.T) {
	lines := []LineInfo{{Offset: 0, Name: "GPIO17"}, {Offset: 1, Name: "TWICE"}, {Offset: 2, Name: "TWICE"}}
	chips := []Chip{{"gpiochip0", "pl061", nil}, {"gpiochip4", "pinctrl-rp1", lines}, {"gpiochip7", "twin", lines}, {"gpiochip8", "twin", lines}}
	for name, c := range map[string]struct {
		line   Line
		chip   string
		offset int
		say    string
	}{
		"label and name":    {line: Line{Chip: "pinctrl-rp1", Name: "GPIO17"}, chip: "gpiochip4"},
		"label and offset":  {line: Line{Chip: "pinctrl-rp1", Offset: 2}, chip: "gpiochip4", offset: 2},
		"name of the chip":  {line: Line{Chip: "gpiochip8", Offset: 1}, chip: "gpiochip8", offset: 1},
		"two such labels":   {line: Line{Chip: "twin"}, say: "2 GPIO chips"},
		"no such chip":      {line: Line{Chip: "pinctrl-bcm2835"}, say: "pl061, pinctrl-rp1"},
		"two such lines":    {line: Line{Chip: "pinctrl-rp1", Name: "TWICE"}, say: "two lines"},
		"no such line":      {line: Line{Chip: "pinctrl-rp1", Name: "GPIO99"}, say: `"GPIO99"`},
		"beyond the chip":   {line: Line{Chip: "pinctrl-rp1", Offset: 3}, say: "lines 0 to 2"},
		"before its begin":  {line: Line{Chip: "pinctrl-rp1", Offset: -1}, say: "lines 0 to 2"},
		"a chip of no line": {line: Line{Chip: "pl061"}, say: "not 0"},
	} {
		t.Run(name, func(t *testing.T) {
			chip, err := choose(chips, c.line.Chip)
			offset := 0
			if err == nil {
				offset, err = chip.offset(c.line)
			}
			switch {
			case c.say == "" && (err != nil || chip.Name != c.chip || offset != c.offset):
				t.Errorf("%s %d %v", chip.Name, offset, err)
			case c.say != "" && (err == nil || !strings.Contains(err.Error(), c.say)):
				t.Errorf("%v does not say %q", err, c.say)
			}
		})
	}
}

func TestTheInstallerSeesLevelsAsTheyAre(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		ctx, cancel := context.WithCancel(t.Context())
		seen := make(chan Reading, 64)
		ran := make(chan error, 1)
		go func() { ran <- observe(ctx, b.chip, map[int]Gate{3: b.gate}, func(r Reading) { seen <- r }) }()
		first := map[string]bool{}
		for range inputRoles {
			r := <-seen
			first[r.Input] = r.Active
			if r.Gate != 3 || r.High != bool(b.chip.wire(r.Line).now()) {
				t.Errorf("%+v", r)
			}
		}
		if len(first) != int(inputRoles) || !first["arm_closed"] || first["safety"] {
			t.Errorf("first %v", first)
		}
		b.set(safety, true)
		if r := <-seen; r.Input != "safety" || !r.Active || !r.High {
			t.Errorf("%+v", r)
		}
		for r := open; r < allRoles; r++ {
			if b.wire(r).owned {
				t.Errorf("%s is taken to look at inputs", r)
			}
		}
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		if b.wire(safety).owned {
			t.Error("a line is kept")
		}
	})
}

func TestTheInstallerTriesOutputsUnderTheSameRules(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		try := func(what string) error {
			err := try(t.Context(), b.chip, b.gate, what, slog.New(slog.DiscardHandler))
			for r := range allRoles {
				if b.wire(r).owned {
					t.Errorf("%s: %s is kept", what, r)
				}
			}
			return err
		}
		for _, r := range []role{open, closing, green, red} {
			if err := try(r.String()); err != nil || len(b.wire(r).moved()) != 2 {
				t.Errorf("%s: %v %+v", r, err, b.wire(r).moved())
			}
		}
		if m := b.wire(open).moved(); m[1].at.Sub(m[0].at) != DefaultPulse {
			t.Errorf("open for %v", m[1].at.Sub(m[0].at))
		}
		b.set(safety, true)
		if err := try("close"); !errors.Is(err, ErrSafety) || len(b.wire(closing).moved()) != 2 {
			t.Errorf("close on a vehicle: %v", err)
		}
		if err := try("siren"); !errors.Is(err, ErrNoLine) {
			t.Errorf("siren: %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, true)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if err := try(ctx, b.chip, b.gate, "green", slog.New(slog.DiscardHandler)); err != nil || b.is(green) {
			t.Errorf("interrupted: %v, on %v", err, b.is(green))
		}
	})
}
