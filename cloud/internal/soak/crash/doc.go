// Package crash has the tests in which a process of the cloud dies at every single
// thing that it sends while it moves money: each statement to the database and each
// call to the payment provider, in turn, once just before it arrives and once when
// it has taken effect and the answer is not read. Another process then finds what it
// left, the clock runs until nothing moves any more, the client asks again, and what
// is stored must add up, in our books and in the provider's.
//
// The database is real, and connections are really cut; only the death of the
// process is played: everything that it sends afterwards arrives nowhere.
package crash
