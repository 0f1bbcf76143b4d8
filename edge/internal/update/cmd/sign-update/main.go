// Command sign-update makes the manifest of an update, or the key that signs it.
//
//	sign-update --new-key FILE
//	sign-update --key FILE --version v1.3.0 --arch arm64 PROGRAM
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/openlot/openlot/edge/internal/store"
	"github.com/openlot/openlot/edge/internal/update"
	"github.com/openlot/openlot/protocol/pass"
)

type cli struct {
	NewKey    string `help:"Make a key in this file and print its public half, for the edges' file of keys." placeholder:"FILE"`
	Key       string `help:"File with the key." placeholder:"FILE"`
	Version   string `help:"Of the program, such as v1.3.0."`
	OS        string `name:"os" help:"Of the program." default:"linux"`
	Arch      string `help:"Of the program: amd64, arm64, arm."`
	ARM       int    `name:"arm" help:"For arch arm: the least version of the processor."`
	From      string `help:"The least version that may be updated."`
	Downgrade bool   `help:"Edges with a newer version take it, too."`
	Program   string `arg:"" optional:"" help:"The program. The manifest is written beside it, as PROGRAM.update."`
}

func main() {
	var c cli
	kong.Parse(&c, kong.Description("Make the manifest of an update of the edge agent."))
	if err := c.run(); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "sign-update:", err)
		os.Exit(1)
	}
}

func (c *cli) run() error {
	if c.NewKey != "" {
		return makeKey(c.NewKey)
	}
	secret, err := os.ReadFile(c.Key)
	if err != nil {
		return fmt.Errorf("--key: %w", err)
	}
	key, err := pass.ParseSigningKey(strings.TrimSpace(string(secret)))
	if err != nil {
		return err
	}
	content, err := os.ReadFile(c.Program)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	writes, oldest, newest := store.Formats()
	signed, err := update.Manifest{
		Version: c.Version, OS: c.OS, Arch: c.Arch, ARM: c.ARM, File: filepath.Base(c.Program), Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:]),
		From: c.From, Downgrade: c.Downgrade, Store: update.Formats{Writes: writes, Oldest: oldest, Newest: newest},
	}.Sign(key)
	if err != nil {
		return err
	}
	return os.WriteFile(c.Program+".update", signed, 0o644) //nolint:gosec // public
}

func makeKey(path string) error {
	key, err := pass.NewSigningKey()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(f, key.Secret()); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	fmt.Println(hex.EncodeToString(key.Public().Public))
	return nil
}
