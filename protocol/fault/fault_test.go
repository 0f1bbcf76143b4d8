package fault_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/openlot/openlot/protocol/fault"
)

func TestCodesTravelThroughWraps(t *testing.T) {
	soldOut := fault.New(fault.Conflict, "sold_out", "Somebody took the last space.")
	err := fmt.Errorf("reserve: %w", fault.Wrap(io.EOF, fault.Conflict, "sold_out", "Another text."))
	if !errors.Is(err, soldOut) || !errors.Is(err, io.EOF) || fault.Code(err) != "sold_out" {
		t.Errorf("%v", err)
	}
	if errors.Is(err, fault.New(fault.Conflict, "other", "")) || errors.Is(io.EOF, soldOut) { //nolint:staticcheck // io.EOF stands for any error that is no fault
		t.Error("other faults are equal")
	}
}

// An error that is not a fault tells a caller nothing, and the log everything.
func TestUnknownErrorsAreOpaque(t *testing.T) {
	cause := errors.New("password=hunter2")
	f := fault.From(fmt.Errorf("connect: %w", cause))
	if f.Kind != fault.Internal || f.Code != "internal" || strings.Contains(f.Detail, "hunter2") {
		t.Errorf("%+v", f)
	}
	if !errors.Is(f, cause) || !strings.Contains(f.Error(), "hunter2") {
		t.Errorf("the cause is lost: %v", f)
	}
	if fault.From(nil) != nil || fault.Code(nil) != "" || fault.Code(cause) != "internal" {
		t.Error("nil or unknown")
	}
}

func TestWithFieldLeavesTheOriginalAlone(t *testing.T) {
	base := fault.Newf(fault.Invalid, "invalid_request", "%d fields are wrong.", 2)
	one := base.WithField("from", "is missing")
	two := one.WithField("to", "is before from")
	if base.Fields != nil || len(one.Fields) != 1 || len(two.Fields) != 2 || two.Detail != "2 fields are wrong." {
		t.Errorf("%v %v %v", base.Fields, one.Fields, two.Fields)
	}
	if kept := fault.Wrap(io.EOF, fault.Invalid, "x", "y").WithField("a", "b"); !errors.Is(kept, io.EOF) {
		t.Error("the cause is lost")
	}
	if base.Error() != "invalid_request: 2 fields are wrong." {
		t.Error(base.Error())
	}
}
