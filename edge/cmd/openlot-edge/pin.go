package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/openlot/openlot/edge/internal/pin"
)

// pinCmd makes what stands for a PIN in the configuration.
type pinCmd struct{}

// Run reads a PIN, which is never an argument: those are in the shell's history and in
// the list of processes.
func (pinCmd) Run(stdout io.Writer) error { return makePIN(os.Stdin, stdout, os.Stderr) }

func makePIN(from *os.File, stdout, stderr io.Writer) error {
	in := bufio.NewReader(io.LimitReader(from, 1024))
	show, terminal := hide(from)
	defer show()
	ask := func(what string) (string, error) {
		if terminal {
			_, _ = fmt.Fprint(stderr, what)
			defer func() { _, _ = fmt.Fprintln(stderr) }()
		}
		line, err := in.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	first, err := ask("PIN: ")
	if err != nil {
		return err
	}
	if terminal {
		second, err := ask("Again: ")
		if err != nil {
			return err
		}
		if first != second {
			return usage("the two are not the same")
		}
	}
	h, err := pin.Make(first, pin.Rounds)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, h)
	return err
}
