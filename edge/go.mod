module github.com/openlot/openlot/edge

go 1.26.0

require (
	github.com/eclipse/paho.mqtt.golang v1.5.1
	github.com/fxamacker/cbor/v2 v2.9.6
	github.com/openlot/openlot/firmware-bridge v0.0.0
	github.com/openlot/openlot/protocol v0.0.0
	go.etcd.io/bbolt v1.5.0
	golang.org/x/sync v0.24.0
	golang.org/x/sys v0.49.0
	pgregory.net/rapid v1.3.0
)

require (
	github.com/gorilla/websocket v1.5.3 // indirect
	github.com/veraison/go-cose v1.3.0 // indirect
	github.com/x448/float16 v0.8.4 // indirect
	go.bug.st/serial v1.8.0 // indirect
	golang.org/x/net v0.44.0 // indirect
)

replace github.com/openlot/openlot/protocol => ../protocol

replace github.com/openlot/openlot/firmware-bridge => ../firmware-bridge
