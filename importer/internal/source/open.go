package source

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// each visits all rows of a file except the header.
func (f *file) each(ctx context.Context, visit func(*record) error) error {
	in, err := f.open()
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	r := f.reader(in)
	header := f.format == csvFormat
	for n := 0; ; n++ {
		rec, err := r.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if header {
			header = rec.blank
			continue
		}
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		rec.check(f)
		if err := visit(&rec); err != nil {
			return err
		}
	}
}

// open opens the file's text.
func (f *file) open() (io.ReadCloser, error) {
	in, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	text, _, err := decompress(in)
	if err != nil {
		_ = in.Close()
		return nil, err
	}
	return &closers{decode(text, f.encoding), text, in}, nil
}

type closers struct {
	io.Reader
	inner, outer io.Closer
}

func (c *closers) Close() error {
	_ = c.inner.Close()
	return c.outer.Close()
}

// decompress reads what is in a gzip or zstd file, or the file as it is. The
// first bytes decide, not its name.
func decompress(file io.Reader) (io.ReadCloser, string, error) {
	in := bufio.NewReaderSize(file, 1<<16)
	magic, _ := in.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in)
		return z, "gzip", err
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(128<<20))
		if err != nil {
			return nil, "", err
		}
		return z.IOReadCloser(), "zstd", nil
	}
	return io.NopCloser(in), "none", nil
}
