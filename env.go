package altertable

// NewFromEnv is New with the key and some options of environment variables.
func NewFromEnv(opts ...Option) (*Client, error) { return New("", opts...) }
