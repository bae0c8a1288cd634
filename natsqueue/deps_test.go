package natsqueue

import (
	_ "github.com/altertable-ai/altertable-go"
	_ "github.com/nats-io/nats-server/v2/server"
	_ "github.com/nats-io/nuid"
	_ "github.com/stretchr/testify/require"
	_ "go.uber.org/goleak"
)
