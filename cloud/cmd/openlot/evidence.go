package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/evidence"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

type evidenceCmd struct {
	Pack   packCmd      `cmd:"" default:"withargs" help:"Write all that there is about a reservation, signed, to answer a dispute: openlot evidence RESERVATION."`
	Verify checkPackCmd `cmd:"" help:"Check such a file or folder. Needs no database, and no network when --keys is a file."`
}

type packCmd struct {
	common
	Reservation string `arg:"" help:"The reservation's id, such as rsv_01jd3k…"`
	Out         string `help:"Where to write: a file, or a folder when it ends in a slash; it must not be there yet. Default: a zip named after the reservation, here." placeholder:"FILE|FOLDER/"`
}

// Run implements kong's command.
func (c *packCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	r, err := id.Parse[id.Reservation](c.Reservation)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "invalid_reservation_id", "That is not a reservation's id.")
	}
	if c.Out == "" {
		c.Out = "evidence-" + r.String() + ".zip"
	}
	return c.with(ctx, log, func(db *postgres.DB) error {
		facts, err := postgres.NewReceipts(db).Evidence(ctx, r)
		if err != nil {
			return err
		}
		key, err := postgres.NewBooking(db).SigningKey(ctx)
		if err != nil {
			return err
		}
		files, err := evidence.Build(facts, key, time.Now())
		if err != nil {
			return err
		}
		if err := save(files, c.Out); err != nil {
			return fault.Wrap(err, fault.Invalid, "file_unwritable", "The evidence cannot be written there, or something is there already.")
		}
		_, err = fmt.Fprintf(out, "%s: %d files about %s; it names the driver, keep it accordingly\n", c.Out, len(files), r)
		return err
	})
}

// save writes a pack as a zip, or as a folder. Only its owner may read it.
func save(files evidence.Files, to string) error {
	if !strings.HasSuffix(to, string(filepath.Separator)) {
		document, err := files.Zip()
		if err != nil {
			return err
		}
		return writeNew(to, document)
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	for name, content := range files {
		if err := writeNew(filepath.Join(to, name), content); err != nil {
			return err
		}
	}
	return nil
}

func writeNew(name string, content []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}

type checkPackCmd struct {
	File string `arg:"" help:"The zip or folder." type:"path"`
	Keys string `required:"" help:"The public keys: a file, or the address of a server's GET /keys." placeholder:"FILE|URL"`
}

// Run implements kong's command.
func (c *checkPackCmd) Run(ctx context.Context, out io.Writer) error {
	keys, err := readKeys(ctx, c.Keys)
	if err != nil {
		return err
	}
	var text strings.Builder
	files, err := load(c.File)
	if fault.Code(err) == "file_unreadable" {
		return err
	}
	found := 0
	if err != nil {
		fmt.Fprintf(&text, "%s: %v\n", c.File, err)
		found++
	}
	var m evidence.Manifest
	if files != nil {
		var wrong []evidence.Finding
		m, wrong = evidence.Verify(files, keys)
		for _, f := range wrong {
			fmt.Fprintf(&text, "%s: %s %s\n", c.File, f.Where, f.Says)
		}
		found += len(wrong)
	}
	if found == 0 {
		fmt.Fprintf(&text, "%s: the evidence about %s at %s is sound: %d files, made %s\n", c.File, m.Reservation, m.Parking, len(m.Files), m.MadeAt.Format(time.RFC3339))
		for _, x := range m.Missing {
			fmt.Fprintf(&text, "%s: %s is not in it: %s\n", c.File, x.Name, x.Why)
		}
	}
	if err := write(out, &text); err != nil {
		return err
	}
	if found > 0 {
		return fault.Newf(fault.Invalid, "evidence_unsound", "The evidence has %d %s.", found, plural(found, "problem"))
	}
	return nil
}

// load reads a pack, whether it is a zip or a folder.
func load(name string) (evidence.Files, error) {
	entries, err := os.ReadDir(name)
	if err != nil {
		document, err := readFile(name, evidence.MaxPack)
		if err != nil {
			return nil, err
		}
		return evidence.Unzip(document)
	}
	files := evidence.Files{}
	left := int64(evidence.MaxPack)
	slices.SortFunc(entries, func(a, b os.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, e := range entries {
		content, err := readFile(filepath.Join(name, e.Name()), left)
		if err != nil {
			return nil, err
		}
		if left -= int64(len(content)); left < 0 {
			return nil, fmt.Errorf("it has more than %d bytes", evidence.MaxPack)
		}
		files[e.Name()] = content
	}
	return files, nil
}
