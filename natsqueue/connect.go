package natsqueue

import (
	"time"

	"github.com/nats-io/nats.go"
)

// ConnectOptions returns what a connection needs to outlive any outage of the
// broker, for nats.Connect. Options after them override them; options of your own,
// such as nats.UserCredentials, go beside them. Give it a nats.ErrorHandler too:
// without one nats.go writes errors that concern no call to standard error.
//
//   - RetryOnFailedConnect(true): a service starts also while the broker is away.
//     nats.Connect then returns a connection that keeps trying, and no error.
//   - MaxReconnects(-1): by default nats.go gives a server up after 60 attempts,
//     about two minutes, and closes the connection for good.
//   - IgnoreAuthErrorAbort(): by default the same refusal of the credentials twice
//     in a row closes the connection for good. Servers that restart may refuse
//     credentials which they know a moment later.
//   - ReconnectBufSize(-1): by default nats.go buffers up to 8 MiB while it is not
//     connected. The client's queue holds the messages already, within bounds that
//     you know, and in order.
//   - PingInterval(10s), MaxPingsOutstanding(2): a server that has gone without
//     closing the connection is noticed within 30 seconds. By default it takes 6
//     minutes, in which no batch is stored.
//   - FlusherTimeout(5s): a write to a server that does not read, a paused one say,
//     ends then. By default it takes a minute, and holds up all who use the
//     connection.
func ConnectOptions() []nats.Option {
	return []nats.Option{
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(),
		nats.ReconnectBufSize(-1),
		nats.PingInterval(10 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.FlusherTimeout(5 * time.Second),
	}
}
