package devpg

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/openlot/openlot/protocol/fault"
)

// maxSocketPath is what fits into sockaddr_un everywhere (104 bytes on macOS,
// 108 on Linux, both with a closing zero).
const maxSocketPath = 103

// account is whom Postgres runs as.
type account struct {
	uid, gid uint32
	change   bool // it is not us: switch to it and give it its files
}

func (a account) credential() *syscall.Credential {
	if !a.change {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid}
}

// place says where the parts of a cluster are and who owns them.
type place struct {
	home   string // holds data, socket and postgres.log
	data   string
	socket string
	as     account
}

// locate decides the place of the cluster that was asked for at dir (absolute).
func locate(dir string, log *slog.Logger) (place, error) {
	if os.Geteuid() != 0 {
		p := place{home: dir, data: filepath.Join(dir, "data"), as: account{uid: uint32(os.Geteuid()), gid: uint32(os.Getegid())}}
		return p, p.chooseSocket(dir)
	}
	as, err := unprivileged()
	if err != nil {
		return place{}, err
	}
	home := dir
	if blocked := firstBlocked(dir, as); blocked != "" {
		home = filepath.Join("/var/tmp", "openlot-"+shortHash(dir))
		log.Info("Postgres does not run as root, and its user cannot enter the folder; its data goes elsewhere",
			"blocked", blocked, "data", home)
		if err := ownDir(home, account{}, 0o711); err != nil {
			return place{}, err
		}
	}
	p := place{home: home, data: filepath.Join(home, "data"), as: as}
	if st, err := os.Stat(p.data); err == nil {
		if sys, ok := st.Sys().(*syscall.Stat_t); ok && sys.Uid != 0 {
			p.as.uid, p.as.gid = sys.Uid, sys.Gid
		}
	}
	return p, p.chooseSocket(dir)
}

// unprivileged is the account for a Postgres started by root.
func unprivileged() (account, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil && uid != 0 {
			return account{uid: uint32(uid), gid: uint32(gid), change: true}, nil
		}
	}
	return account{}, fault.New(fault.Unavailable, CodeNoUser,
		"Postgres does not run as root, and there is neither a user postgres nor a user nobody. Start Openlot as an ordinary user.")
}

// firstBlocked returns the first folder on the way to dir (included) that the
// account may not enter, or "".
func firstBlocked(dir string, as account) string {
	for at := dir; ; at = filepath.Dir(at) {
		st, err := os.Stat(at)
		if err != nil {
			return at
		}
		if sys, ok := st.Sys().(*syscall.Stat_t); ok && !mayEnter(st.Mode().Perm(), sys.Uid, sys.Gid, as) {
			return at
		}
		if at == filepath.Dir(at) {
			return ""
		}
	}
}

func mayEnter(mode os.FileMode, uid, gid uint32, as account) bool {
	switch {
	case uid == as.uid:
		return mode&0o100 != 0
	case gid == as.gid:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}

// chooseSocket finds a folder for the socket whose path is short enough.
func (p *place) chooseSocket(dir string) error {
	name := "openlot-" + shortHash(dir)
	for _, s := range []string{filepath.Join(p.home, "socket"), filepath.Join(os.TempDir(), name), filepath.Join("/tmp", name)} {
		if len(s)+len("/.s.PGSQL.5432") > maxSocketPath {
			continue
		}
		if p.as.change && firstBlocked(filepath.Dir(s), p.as) != "" {
			continue
		}
		p.socket = s
		return nil
	}
	return fault.Newf(fault.Unavailable, CodeStart, "No folder with a path short enough for a socket; set TMPDIR to a short one (it is %s).", os.TempDir())
}

// prepare makes the socket folder.
func (p *place) prepare() error { return ownDir(p.socket, p.as, 0o700) }

// ownDir makes sure that path is a folder of the account with that mode. In a
// folder that everybody may write to, somebody else could have put one there
// first; that one we do not touch.
func ownDir(path string, as account, mode os.FileMode) error {
	err := os.Mkdir(path, mode)
	if err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("make folder for Postgres: %w", err)
	}
	st, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("look at folder for Postgres: %w", err)
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok || !st.IsDir() || (sys.Uid != uint32(os.Geteuid()) && (!as.change || sys.Uid != as.uid)) {
		return fault.Newf(fault.Conflict, CodeNotOurs, "%s exists and is not ours. Remove it, or use another folder.", path)
	}
	if as.change {
		if err := os.Lchown(path, int(as.uid), int(as.gid)); err != nil {
			return fmt.Errorf("give folder to Postgres's user: %w", err)
		}
	}
	return os.Chmod(path, mode)
}

// lockDir takes the directory for this process. The kernel lets go of the lock
// when we die, so a leftover file means nothing.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		pid := make([]byte, 20)
		n, _ := f.ReadAt(pid, 0) // an unreadable pid only makes the sentence poorer
		holder := strings.TrimSpace(string(pid[:n]))
		return nil, errors.Join(fault.Newf(fault.Conflict, CodeInUse, "The Postgres data in %s is already in use by pid %s. Stop that one first, or use another folder.", dir, holder), f.Close())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", f.Name(), err), f.Close())
	}
	if err = f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", f.Name(), err), f.Close())
	}
	return f, nil
}

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}
