package store

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// call is one line of a trace: a system call on a file, or what the drive said.
type call struct {
	name   string
	path   string // of the file
	to     string // renameat, linkat
	data   []byte
	offset int64 // pwrite64; the size of ftruncate and fallocate
	trunc  bool  // openat
}

const sector = 512

// The shape of strace's lines: -y names files, -xx writes bytes as hex.
var (
	tracedWrite = regexp.MustCompile(`^\d+ +(pwrite64|write)\(\d+<((?:\\x[0-9a-f]{2})+)>, "((?:\\x[0-9a-f]{2})*)", \d+(?:, (\d+))?\) += (\d+)`)
	tracedSync  = regexp.MustCompile(`^\d+ +(fdatasync|fsync)\(\d+<((?:\\x[0-9a-f]{2})+)>\) += 0`)
	tracedSize  = regexp.MustCompile(`^\d+ +(ftruncate|fallocate)\(\d+<((?:\\x[0-9a-f]{2})+)>, (?:0, 0, )?(\d+)\) += 0`)
	tracedOpen  = regexp.MustCompile(`^\d+ +openat\([^,]+, "((?:\\x[0-9a-f]{2})*)", ([A-Z_|]+)(?:, 0\d+)?\) += \d+`)
	tracedName  = regexp.MustCompile(`^\d+ +(renameat|linkat|unlinkat)\([^,]+, "((?:\\x[0-9a-f]{2})*)"(?:, [^,]+, "((?:\\x[0-9a-f]{2})*)")?(?:, 0)?\) += 0`)
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	out := make([]byte, len(s)/4)
	for i := range out {
		b, err := strconv.ParseUint(s[4*i+2:4*i+4], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = byte(b)
	}
	return out
}

// traced runs a drive and returns what it did to the files of its directory, in
// order, with what it said in between.
func traced(t *testing.T, path string, events int) []call {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := exec.CommandContext(t.Context(), "strace", "-f", "-qq", "-y", "-xx", "-s", "1000000", "-o", trace, "-e", "trace="+strings.Join(changing, ","), os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s,%d,failing", DriveEnv, path, events), "GOMAXPROCS=1")
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("done 0")) {
		t.Fatalf("%v: these tests need strace: %.300s", err, out)
	}
	f, err := os.Open(trace)
	must(t, err)
	defer func() { _ = f.Close() }()
	dir := filepath.Dir(path)
	var out []call
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		c, ok := parseCall(t, lines.Text())
		if ok && (c.path == "said" || strings.HasPrefix(c.path, dir)) {
			out = append(out, c)
		}
	}
	must(t, lines.Err())
	return out
}

func parseCall(t *testing.T, line string) (call, bool) {
	t.Helper()
	name := func(s string) string { return string(unhex(t, s)) }
	if m := tracedWrite.FindStringSubmatch(line); m != nil {
		c := call{name: m[1], path: name(m[2]), data: unhex(t, m[3])}
		if n, err := strconv.Atoi(m[5]); err != nil || n != len(c.data) {
			t.Fatalf("a short write: %.100s", line)
		}
		if m[1] == "pwrite64" {
			c.offset, _ = strconv.ParseInt(m[4], 10, 64)
		} else if strings.HasPrefix(c.path, "pipe:") {
			c.path = "said"
		}
		return c, true
	}
	if m := tracedSync.FindStringSubmatch(line); m != nil {
		return call{name: m[1], path: name(m[2])}, true
	}
	if m := tracedSize.FindStringSubmatch(line); m != nil {
		size, _ := strconv.ParseInt(m[3], 10, 64)
		return call{name: m[1], path: name(m[2]), offset: size}, true
	}
	if m := tracedOpen.FindStringSubmatch(line); m != nil {
		return call{name: "openat", path: name(m[1]), trunc: strings.Contains(m[2], "O_TRUNC")}, strings.Contains(m[2], "O_CREAT")
	}
	if m := tracedName.FindStringSubmatch(line); m != nil {
		return call{name: m[1], path: name(m[2]), to: name(m[3])}, true
	}
	if strings.Contains(line, ") = -1 ") || strings.Contains(line, "openat(") || strings.Contains(line, "+++") || strings.Contains(line, "--- SIG") {
		return call{}, false
	}
	t.Fatalf("a line that is not understood: %.200s", line)
	return call{}, false
}

// inode is a file of the image: what surely is on the disk, and what may be.
type inode struct {
	sure  []byte
	maybe []piece
}

// piece is a sector, or a part of one, of a write that no sync has followed.
type piece struct {
	at   int
	data []byte
}

// full is the file with all that was written.
func (f *inode) all() []byte {
	b := bytes.Clone(f.sure)
	for _, p := range f.maybe {
		b = put512(b, p)
	}
	return b
}

func put512(b []byte, p piece) []byte {
	if n := p.at + len(p.data); n > len(b) {
		b = append(b, make([]byte, n-len(b))...)
	}
	copy(b[p.at:], p.data)
	return b
}

// disk512 is a file system whose power may be cut. Names change in order; a sync
// of a whole file or of the directory makes all changes of names before it sure,
// as a journal does. Data is sure after a sync of its file; before it any sectors
// of it may be there.
type disk512 struct {
	names map[string]*inode   // now
	past  []map[string]*inode // after each change of names since the last that is sure, the sure one first
	lax   func(path string) bool
}

func newDisk512() *disk512 {
	d := &disk512{names: map[string]*inode{}, lax: func(string) bool { return false }}
	d.past = []map[string]*inode{{}}
	return d
}

func (d *disk512) renamed() { d.past = append(d.past, maps.Clone(d.names)) }

func (d *disk512) do(c call, positions map[*inode]int) error {
	f := d.names[c.path]
	switch c.name {
	case "openat":
		if f == nil {
			d.names[c.path] = &inode{}
			d.renamed()
		} else if c.trunc {
			f.sure, f.maybe = nil, nil
		}
		positions[d.names[c.path]] = 0
		return nil
	case "renameat":
		d.names[c.to] = f
		delete(d.names, c.path)
		d.renamed()
		return nil
	case "linkat":
		d.names[c.to] = f
		d.renamed()
		return nil
	case "unlinkat":
		delete(d.names, c.path)
		d.renamed()
		return nil
	case "fsync", "fdatasync":
		if c.name == "fsync" {
			d.past = []map[string]*inode{maps.Clone(d.names)}
		}
		if f != nil && !d.lax(c.path) {
			f.sure, f.maybe = f.all(), nil
		}
		return nil
	}
	if f == nil {
		return fmt.Errorf("%s of %s, which is not there", c.name, c.path)
	}
	switch c.name {
	case "ftruncate", "fallocate":
		// Only ever longer, and with zeros.
		f.sure = put512(f.sure, piece{at: int(c.offset)})
	case "write":
		c.offset = int64(positions[f])
		positions[f] += len(c.data)
		fallthrough
	case "pwrite64":
		for at := 0; at < len(c.data); {
			n := min(sector-(int(c.offset)+at)%sector, len(c.data)-at)
			f.maybe = append(f.maybe, piece{int(c.offset) + at, c.data[at : at+n]})
			at += n
		}
	}
	return nil
}

// uncertain are the sectors that may or may not be there.
func uncertain(names map[string]*inode) int {
	n := 0
	for _, f := range names {
		n += len(f.maybe)
	}
	return n
}

// images of a moment: which of the uncertain sectors are there.
type images struct {
	dir  string
	path string
	now  map[string][]byte // what is in dir
	bare bool              // the bbolt file is gone
}

// lay makes dir hold an image: of the names, with the sectors that keep chooses.
func (g *images) lay(names map[string]*inode, keep func() bool) error {
	for name := range g.now {
		if names[name] == nil {
			if err := os.Remove(g.real(name)); err != nil {
				return err
			}
			delete(g.now, name)
		}
	}
	for name, f := range names {
		if g.bare && name == g.dir {
			continue
		}
		want := f.sure
		if len(f.maybe) > 0 {
			want = bytes.Clone(f.sure)
			for _, p := range f.maybe {
				if keep() {
					want = put512(want, p)
				}
			}
		}
		if err := g.write(name, want); err != nil {
			return err
		}
	}
	return nil
}

func (g *images) real(name string) string { return g.path + strings.TrimPrefix(name, g.dir) }

// write changes what differs of a file.
func (g *images) write(name string, want []byte) (err error) {
	have, there := g.now[name]
	if there && len(have) == len(want) && (len(want) == 0 || &have[0] == &want[0]) {
		return nil
	}
	g.now[name] = want
	f, err := os.OpenFile(g.real(name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if len(have) != len(want) {
		if err := f.Truncate(int64(len(want))); err != nil {
			return err
		}
	}
	for at := 0; at < len(want); at += 4096 {
		end := min(at+4096, len(want))
		if end <= len(have) && bytes.Equal(have[at:end], want[at:end]) {
			continue
		}
		if _, err := f.WriteAt(want[at:end], int64(at)); err != nil {
			return err
		}
	}
	return nil
}

// tally is what became of the images.
type tally struct {
	images, opened, points int
	bad                    error // the first that was not as promised
}

// replay cuts the power after every call of a trace and looks at images of what
// may be on the disk then: at each moment none, all, each single write, each
// without one, and as many at random as share of them says.
func replay(t *testing.T, calls []call, dir string, budget int, lax func(string) bool, open int, bare bool) tally {
	t.Helper()
	d := newDisk512()
	if lax != nil {
		d.lax = lax
	}
	shm, err := os.MkdirTemp("/dev/shm", "openlot-images-") //nolint:usetesting // in memory: a million syncs
	must(t, err)
	defer func() { _ = os.RemoveAll(shm) }()
	g := &images{dir: filepath.Join(dir, "edge.db"), path: filepath.Join(shm, "edge.db"), now: map[string][]byte{}, bare: bare}
	p, positions := newPromised(), map[*inode]int{}
	random := rand.New(rand.NewPCG(7, 7))
	var out tally
	for i, c := range calls {
		if c.path == "said" {
			for line := range strings.Lines(string(c.data)) {
				p.hear(strings.TrimSpace(line))
			}
			continue
		}
		must(t, d.do(c, positions))
		quota := budget / len(calls)
		for _, names := range d.past {
			out.points++
			n := uncertain(names)
			for image := range max(quota/len(d.past), 1) {
				if n == 0 && image > 0 {
					break // there is only this one
				}
				if n < 20 && image >= 1<<n {
					break // all of them were looked at
				}
				at := 0
				must(t, g.lay(names, func() bool {
					at++
					switch {
					case n < 20 && 1<<n <= quota/len(d.past):
						return image>>(at-1)&1 == 1
					case image == 0:
						return false
					case image == 1:
						return true
					case image-2 < n:
						return at-1 == image-2
					case image-2 < 2*n:
						return at-1 != image-2-n
					default:
						return random.IntN(2) == 0
					}
				}))
				out.images++
				if bare && p.said == "" {
					continue // its first start has not ended
				}
				if err := g.check(t, p, open > 0 && out.images%open == 0); err != nil {
					out.bad = fmt.Errorf("after call %d, %s of %s, image %d of %d uncertain sectors: %w (said last: %s)", i, c.name, filepath.Base(c.path), image, n, err, p.said)
					return out
				}
				if open > 0 && out.images%open == 0 {
					out.opened++
				}
			}
		}
	}
	return out
}

// check looks at an image as a start would, and now and then starts.
func (g *images) check(t *testing.T, p *promised, start bool) error {
	t.Helper()
	v, _, err := look(t.Context(), g.path, lookBy{readOnly: true, keep: true})
	if err != nil {
		return err
	}
	if want := map[bool]origin{false: fromBolt, true: fromCopy}[g.bare]; v.origin > want {
		return fmt.Errorf("a power cut alone has damaged it: %v", v.damage)
	}
	if err := p.kept(&v.file); err != nil || !start {
		return err
	}
	// A copy is opened, written and closed.
	to := filepath.Join(filepath.Dir(g.path), "opened")
	must(t, os.MkdirAll(to, 0o700))
	defer func() { _ = os.RemoveAll(to) }()
	for name := range g.now {
		copyFile(t, g.real(name), filepath.Join(to, filepath.Base(g.real(name))))
	}
	sum := &drive{path: filepath.Join(to, "edge.db"), events: 3, out: io.Discard}
	if err := sum.run(); err != nil || sum.refused > 0 {
		return fmt.Errorf("it does not go on: %w, %d refused", err, sum.refused)
	}
	v, _, err = look(t.Context(), sum.path, lookBy{readOnly: true, keep: true})
	if err != nil {
		return err
	}
	return p.kept(&v.file)
}

// Whatever a power cut leaves of what was not synced, down to single sectors and
// in all files of the store together: every event that was acted upon is there,
// once and in order, no pass opens twice, and the store opens. So it is when the
// bbolt file is gone with the power. Without any one of its syncs the same check
// fails.
func TestCrashImages(t *testing.T) {
	budget, control := 4_000, 8_000
	if *full {
		budget, control = 1_000_000, 300_000
	}
	dir := t.TempDir()
	calls := traced(t, filepath.Join(dir, "edge.db"), 200)
	for _, bare := range []bool{false, true} {
		got := replay(t, calls, dir, budget, nil, 500, bare)
		if got.bad != nil {
			t.Fatal(got.bad)
		}
		t.Logf("%d calls, %d images at %d moments, %d of them opened and written (without the bbolt file: %v)", len(calls), got.images, got.points, got.opened, bare)
		if got.images < budget/2 {
			t.Errorf("%d images are too few", got.images)
		}
	}
	for _, c := range []struct {
		kind string
		bare bool
	}{{"-wal", false}, {"-emergency", false}, {".db", false}, {"-state", true}, {"-wal", true}} {
		lax := func(path string) bool { return strings.HasSuffix(strings.TrimSuffix(path, tempSuffix), c.kind) }
		got := replay(t, calls, dir, control, lax, 0, c.bare)
		if got.bad == nil {
			t.Errorf("without the syncs of *%s nothing was wrong in %d images: this test shows nothing", c.kind, got.images)
			continue
		}
		t.Logf("without the syncs of *%s: wrong in image %d: %.160v", c.kind, got.images, got.bad)
	}
}
