//go:build linux

package benchsse

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// nchanConfig is nginx with the settings that are best for this: one worker,
// only the newest message kept, no access log (ours writes its line). A client
// gets no message at first, because that costs nchan ten times as much for a
// connection; ours do. So that its first answer has as many bytes as ours, its
// head is made longer.
const nchanConfig = `daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/log crit;
load_module %[1]s/root/usr/lib/nginx/modules/ngx_nchan_module.so;
worker_rlimit_nofile 20000;
events { use epoll; worker_connections 40000; multi_accept on; }
http {
	access_log off; nchan_shared_memory_size 512M;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	client_body_buffer_size 64k;
	server {
		listen 127.0.0.1:%[2]d backlog=4096;
		add_header X-Pad "%[3]s";
		location /sub { nchan_subscriber eventsource; nchan_channel_id a; nchan_subscriber_first_message newest; }
		location /pub { nchan_publisher; nchan_channel_id a; nchan_message_buffer_length 1; }
	}
}
`

// prepareNchan unpacks nginx and nchan from the distribution's packages into dir,
// without installing them. nchan makes a directory of the system's whatever it is
// told, and says that what it is told is there twice; this copy is given a name of
// the same length in dir.
func prepareNchan(ctx context.Context, dir string) error {
	script := `cd "$1" && apt-get -qq download libnginx-mod-nchan nginx >/dev/null && for p in *.deb; do dpkg -x "$p" root; done`
	if out, err := exec.CommandContext(ctx, "sh", "-c", script, "sh", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("get nchan (apt-get update may help): %w: %s", err, out)
	}
	module := filepath.Join(dir, "root/usr/lib/nginx/modules/ngx_nchan_module.so")
	b, err := os.ReadFile(module)
	if err != nil {
		return err
	}
	b = bytes.ReplaceAll(b, []byte("/var/lib/nginx/body"), []byte("messages-from-nchan"))
	return os.WriteFile(module, b, 0o600) //nolint:gosec // in a directory of ours
}

// bareHead is about what nchan answers without a pad, in bytes.
const bareHead = 190

// configureNchan has nchan answer a new client with as many bytes.
func configureNchan(dir string, port, first int) error {
	pad := strings.Repeat("x", max(first-bareHead, 0))
	return os.WriteFile(filepath.Join(dir, "nginx.conf"), fmt.Appendf(nil, nchanConfig, dir, port, pad), 0o600)
}
