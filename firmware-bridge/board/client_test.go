package board

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/openlot/openlot/firmware-bridge/smp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeBoard answers requests over a pipe as told.
type fakeBoard struct {
	net.Conn
	t *testing.T
}

func (f *fakeBoard) send(p smp.Packet, m any) {
	payload, err := Encode(m)
	if err != nil {
		f.t.Error(err)
	}
	p.Payload = payload
	b, err := smp.AppendFrames(nil, p)
	if err != nil {
		f.t.Error(err)
	}
	_, _ = f.Write(b)
}

func (f *fakeBoard) event(boot, seq, oldest uint32, kind EventKind, credential string) {
	f.send(smp.Packet{Op: smp.Write, Group: Group, ID: CmdEvent}, EventMessage{Boot: boot, Seq: seq, Oldest: oldest, Kind: kind, Credential: credential})
}

// pair runs a client against a board that behaves as serve says.
func pair(t *testing.T, handle func(Event), serve func(*fakeBoard, smp.Packet)) (client *Client, end func() error) {
	t.Helper()
	host, far := net.Pipe()
	c := New(host, slog.New(slog.DiscardHandler))
	f := &fakeBoard{Conn: far, t: t}
	served := make(chan struct{})
	go func() {
		defer close(served)
		dec := smp.NewDecoder(far)
		for {
			p, err := dec.Next()
			if err != nil {
				return
			}
			serve(f, p)
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx, handle) }()
	return c, func() error {
		cancel()
		err := <-done
		_ = far.Close()
		<-served
		return err
	}
}

func greet(f *fakeBoard, p smp.Packet, oldest uint32) {
	var m HelloRequest
	if p.Op == smp.Write {
		if err := Decode(p.Payload, &m); err != nil {
			f.t.Error(err)
		}
	}
	f.send(p.Response(nil), HelloResponse{Session: m.Session, ID: "b", Firmware: "1", Gates: 1, Boot: 9, Oldest: oldest})
}

func TestSilentBoardIsALostLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		began := time.Now()
		c, end := pair(t, func(Event) {}, func(*fakeBoard, smp.Packet) { asked++ })
		if err := c.Pulse(t.Context(), 0, Open, MinPulse); !errors.Is(err, ErrLinkLost) {
			t.Errorf("pulse: %v", err)
		}
		if err := end(); !errors.Is(err, ErrLinkLost) {
			t.Errorf("run: %v", err)
		}
		if asked != 1+retries || time.Since(began) != time.Second {
			t.Errorf("asked %d times in %v", asked, time.Since(began))
		}
	})
}

func TestBoardThatFallsSilentIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, end := pair(t, func(Event) {}, func(f *fakeBoard, p smp.Packet) {
			if p.Op == smp.Write {
				greet(f, p, 1)
			}
		})
		if err := c.ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-c.down
		if err := end(); !errors.Is(err, ErrLinkLost) {
			t.Errorf("run: %v", err)
		}
	})
}

// Repetitions, gaps, what the board forgot, what it sent before the hello, and
// a restart whose first events were lost.
func TestEventsOnceAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []Event
		var acks []Ack
		_, end := pair(t, func(e Event) { got = append(got, e) }, func(f *fakeBoard, p smp.Packet) {
			switch p.ID {
			case CmdHello:
				f.event(5, 1, 1, Restarted, "") // of another life
				greet(f, p, 3)
				f.event(9, 3, 3, Credential, "three")
				f.event(9, 5, 3, Credential, "too early")
				f.event(9, 3, 3, Credential, "three")
				f.event(9, 4, 3, Credential, "four")
				f.event(9, 8, 7, Credential, "too early")
				f.event(9, 7, 7, Credential, "seven")
				f.event(9, 8, 7, EventKind(77), "")
				f.event(9, 9, 9, Credential, "nine")
			case CmdAck:
				var a Ack
				if err := Decode(p.Payload, &a); err != nil {
					t.Error(err)
				}
				acks = append(acks, a)
				if a == (Ack{Boot: 9, Seq: 9}) {
					f.event(10, 6, 5, Credential, "too early")
					f.event(10, 5, 5, Credential, "five of the next boot")
				}
			}
		})
		synctest.Wait()
		if err := end(); !errors.Is(err, context.Canceled) {
			t.Errorf("run: %v", err)
		}
		want := []Event{
			{Boot: 9, Seq: 3, Credential: "three"},
			{Boot: 9, Seq: 4, Credential: "four"},
			{Boot: 9, Seq: 7, Credential: "seven"},
			{Boot: 9, Seq: 9, Credential: "nine"},
			{Boot: 10, Kind: Restarted},
			{Boot: 10, Seq: 5, Credential: "five of the next boot"},
		}
		if len(got) != len(want) {
			t.Fatalf("got %+v", got)
		}
		for i, w := range want {
			if g := got[i]; g.Boot != w.Boot || g.Seq != w.Seq || g.Credential != w.Credential || (w.Kind == Restarted) != (g.Kind == Restarted) {
				t.Errorf("event %d is %+v, want %+v", i, g, w)
			}
		}
		if last := acks[len(acks)-1]; last != (Ack{Boot: 10, Seq: 5}) {
			t.Errorf("the last acknowledgement is %+v", last)
		}
	})
}

func TestRefusalsAreErrors(t *testing.T) {
	for code, want := range map[uint16]error{
		RefuseNoSuch: ErrNoSuch, RefuseInterlocked: ErrInterlocked, RefuseSafety: ErrSafety,
		RefuseOtherBoot: ErrRestarted, RefuseRange: ErrRange, RefuseMalformed: ErrRefused, 999: ErrRefused,
	} {
		synctest.Test(t, func(t *testing.T) {
			c, end := pair(t, func(Event) {}, func(f *fakeBoard, p smp.Packet) {
				if p.ID == CmdHello {
					greet(f, p, 1)
					return
				}
				f.send(p.Response(nil), Refusal{Err: RefusalCode{Group: Group, Code: code}})
			})
			if err := c.Pulse(t.Context(), 0, Close, MinPulse); !errors.Is(err, want) {
				t.Errorf("code %d gives %v, want %v", code, err, want)
			}
			_ = end()
		})
	}
}

func TestOutOfRangeIsNotSent(t *testing.T) {
	c := New(nopPort{}, slog.New(slog.DiscardHandler))
	ctx := t.Context()
	for name, err := range map[string]error{
		"short pulse": c.Pulse(ctx, 0, Open, MinPulse-1), "long pulse": c.Pulse(ctx, 0, Open, MaxPulse+1),
		"short lease": c.Set(ctx, 0, Open, true, MinLease-1), "long lease": c.Set(ctx, 0, Open, true, MaxLease+1),
		"close held": c.Set(ctx, 0, Close, true, time.Second),
		"long text":  c.Present(ctx, 0, string(make([]byte, MaxText+1)), ""), "long ticket": c.Present(ctx, 0, "", string(make([]byte, MaxCredential+1))),
	} {
		if !errors.Is(err, ErrRange) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type nopPort struct{ io.ReadWriteCloser }

func TestMissingPort(t *testing.T) {
	if _, err := OpenSerial(filepath.Join(t.TempDir(), "none"), 115200); !errors.Is(err, ErrPortMissing) {
		t.Errorf("got %v", err)
	}
}
