// Package uplink carries the journal to the cloud and the cloud's syncs to the
// store, over MQTT. It is the only package that knows the MQTT client.
//
// # Promises
//
//   - Events are sent in order, as soon as they are on disk, in batches of at
//     most 256 events and 64 KiB, at most four batches ahead of the last
//     acknowledgement. What is not acknowledged within 5 s is sent again from the
//     first missing event on (go-back-N). Nothing is deleted before the cloud's
//     acknowledgement, which names the running hash.
//   - Nothing relies on the broker: sessions are clean, every connection begins
//     with a hello, and the welcome says where to go on.
//   - A sync is acknowledged after it is on disk. A delta that does not follow on
//     asks for a new hello.
//   - A link that carries nothing is given up within about ten seconds, and tried
//     again with a jittered wait of at most five.
//   - When the cloud and the journal do not fit each other (rewound, retired, a
//     hash that differs), a new journal is begun and the events that were not
//     acknowledged go into it.
//   - When the edge is foreign to the parking it says hello once a minute and
//     sends nothing else. The gates go on without.
//
// The client's callbacks only put messages into a bounded queue. When it is
// full the connection is given up, which loses nothing.
package uplink
