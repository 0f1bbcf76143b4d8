// Command openlot-web serves the embedded pages alone, without the API, and
// prints its address: enough to look at them.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/openlot/openlot/cloud/internal/web"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address and port to listen on")
	flag.Parse()
	if err := serve(*listen); err != nil {
		fmt.Fprintln(os.Stderr, "openlot-web:", err)
		os.Exit(1)
	}
}

func serve(address string) error {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", l.Addr())
	s := &http.Server{Handler: web.Handler(web.Outside{}), ReadHeaderTimeout: 10 * time.Second}
	return s.Serve(l)
}
