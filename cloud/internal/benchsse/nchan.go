//go:build linux

package benchsse

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// nchanConfig is nginx with the settings that are best for this: one worker,
// only the newest message kept. A client gets none at first, because that costs
// nchan ten times as much for a connection; ours do.
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
		location /sub { nchan_subscriber eventsource; nchan_channel_id a; nchan_subscriber_first_message newest; }
		location /pub { nchan_publisher; nchan_channel_id a; nchan_message_buffer_length 1; }
	}
}
`

// prepareNchan unpacks nginx and nchan from the distribution's packages into dir,
// without installing them, and writes their configuration. nchan makes an empty
// folder in /var/lib/nginx whatever it is told; that must be there.
func prepareNchan(ctx context.Context, dir string, port int) error {
	script := `cd "$1" && apt-get -qq download libnginx-mod-nchan nginx >/dev/null && for p in *.deb; do dpkg -x "$p" root; done`
	if out, err := exec.CommandContext(ctx, "sh", "-c", script, "sh", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("get nchan (apt-get update may help): %w: %s", err, out)
	}
	if err := os.MkdirAll("/var/lib/nginx", 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "nginx.conf"), fmt.Appendf(nil, nchanConfig, dir, port), 0o600)
}
