package spool

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Dir: dir, Tenant: tenant, MaxBytes: 64 << 10} // a file is full at 1 KiB
	dead, _ := openWith(t, cfg)
	put(t, dead, numbered(20)...)
	dead.Close()
	s, _ := openWith(t, cfg)
	put(t, s, numbered(40)[20:]...)
	all := take(t, s)
	require.Len(t, all, 40)
	reversed := slices.Clone(all)
	slices.Reverse(reversed)
	for name, part := range map[string][]Message{"all": all, "reversed": reversed, "one": all[7:8], "some": {all[3], all[9], all[4], all[30], all[2]}, "none": nil} {
		t.Run(name, func(t *testing.T) {
			loaded, err := s.Load(refs(part))
			require.NoError(t, err)
			require.Len(t, loaded, len(part))
			for i, json := range loaded {
				assert.Equal(t, string(part[i].JSON), string(json))
			}
		})
	}
}

// One batch after the other is loaded: what was loaded before is not read again.
func TestLoadGoesOn(t *testing.T) {
	s, _ := open(t, t.TempDir())
	all := put(t, s, numbered(10)...)
	for from := 0; from < 10; from += 2 {
		_, err := s.Load(refs(all[from : from+2]))
		require.NoError(t, err)
		assert.Equal(t, mark{uint32(from + 2), all[from+1].end}, s.segments[0].loaded)
	}
	loaded, err := s.Load(refs(all[:1]))
	require.NoError(t, err)
	assert.Contains(t, string(loaded[0]), `"e0"`)
}

func TestLoadFails(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(path string) error
		lost  bool
	}{
		"damaged": {func(path string) error {
			text, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, bytes.Replace(text, []byte(`"e3"`), []byte(`"x3"`), 1), 0o600)
			}
			return err
		}, true},
		"truncated": {func(path string) error { return os.Truncate(path, 200) }, true},
		"removed":   {os.Remove, true},
		"replaced": {func(path string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Mkdir(path, 0o700)
		}, false},
	} {
		t.Run(fmt.Sprint(name), func(t *testing.T) {
			dir := t.TempDir()
			stranded(t, dir, numbered(5)...)
			s, _ := open(t, dir)
			all := refs(take(t, s))
			require.NoError(t, test.spoil(s.segments[0].path()))
			_, err := s.Load(all)
			var trouble *Error
			require.ErrorAs(t, err, &trouble)
			assert.Equal(t, "read", trouble.Op)
			assert.Equal(t, test.lost, IsLost(err))
		})
	}
}
