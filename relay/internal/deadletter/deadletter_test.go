package deadletter

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

func TestWhatIsPutIsListed(t *testing.T) {
	w := newEmbeddedWorld(t)
	start := time.Now().Add(-time.Second)
	for i, endpoint := range []string{"track", "identify", "alias"} {
		l := letter(i)
		l.Endpoint = endpoint
		require.NoError(t, w.Put(t.Context(), l, fmt.Sprint(i)))
		found := w.list(Filter{})
		require.Len(t, found, i+1)
		got := found[i]
		assert.WithinRange(t, got.Time, start, time.Now().Add(time.Second))
		l.Sequence, l.Time = uint64(i+1), got.Time
		assert.Equal(t, l, got)
	}
}

// A letter's payload is a line for the core's Enqueue.
func TestPayloadIsTheJSONOfRaw(t *testing.T) {
	w := newWorld(t)
	w.put(7)
	m, err := w.stream("ALTERTABLE_a_DLQ").GetMsg(t.Context(), 1)
	require.NoError(t, err)
	var raw altertable.Raw
	require.NoError(t, json.Unmarshal(m.Data, &raw))
	assert.Equal(t, altertable.Raw{Endpoint: "track", JSON: message(7)}, raw)
	assert.Equal(t, "altertable.v1.dlq.a.track", m.Subject)
	assert.Equal(t, nats.Header{"Nats-Msg-Id": {"id-7"}, "Nats-Expected-Stream": {"ALTERTABLE_a_DLQ"},
		"Altertable-Code": {"422"}, "Altertable-Reason": {"event must not be empty"}}, m.Header)
}

func TestPutKeepsTheFirstOfAnID(t *testing.T) {
	w := newWorld(t)
	w.put(1, 2, 1, 1, 2)
	assert.Equal(t, []uint64{1, 2}, w.sequences(Filter{}))
	l := letter(1)
	l.Tenant = "b"
	require.NoError(t, w.Put(t.Context(), l, "id-1"), "another tenant's")
	assert.Len(t, w.list(Filter{Tenant: "b"}), 1)
}

func TestCodesAndReasonsAreBounded(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("é", 500)
	for name, test := range map[string]struct{ code, reason, wantCode, wantReason string }{
		"fine":          {"insert-failed", "it is late", "insert-failed", "it is late"},
		"all letters":   {"aZ0_.-", "", "aZ0_.-", ""},
		"empty":         {"", "", "other", ""},
		"at the limit":  {strings.Repeat("c", 64), "", strings.Repeat("c", 64), ""},
		"beyond it":     {strings.Repeat("c", 65), long, "other", strings.Repeat("é", 128)},
		"a header more": {"a\r\nNats-Msg-Id: x", "a\r\nNats-TTL: 1s", "other", "a  Nats-TTL: 1s"},
		"not ASCII":     {"cöde", "\xff\x00 ünd\u2028", "other", "ünd"},
		"a space":       {"a b", "  a  ", "other", "a"},
	} {
		t.Run(name, func(t *testing.T) {
			l := letter(1)
			l.Code, l.Reason = test.code, test.reason
			require.NoError(t, w.Put(t.Context(), l, name))
			all := w.list(Filter{})
			got := all[len(all)-1]
			assert.Equal(t, test.wantCode, got.Code)
			assert.Equal(t, test.wantReason, got.Reason)
			assert.Equal(t, message(1), got.Message)
		})
	}
}

var garbage = map[string]struct {
	message, encoding, shown, replayed string
}{
	"object":         {`{"a":1}`, "", `{"a":1}`, `[{"a":1}]`},
	"as it is":       {"{\"a\":\t\"<\u2028>\\u00e9\" }", "", "{\"a\":\t\"<\u2028>\\u00e9\" }", "[{\"a\":\t\"<\u2028>\\u00e9\" }]"},
	"number":         {`42`, "", `42`, `[42]`},
	"string":         {`"x"`, "", `"x"`, `["x"]`},
	"null":           {`null`, "", `null`, `[null]`},
	"bad UTF-8":      {"{\"a\":\"\xff\"}", "base64", `"eyJhIjoi/yJ9"`, "[{\"a\":\"\xff\"}]"},
	"text":           {`<html> "no" JSON`, "text", `"\u003chtml\u003e \"no\" JSON"`, `<html> "no" JSON`},
	"cut off":        {`[{"event":"sign`, "text", `"[{\"event\":\"sign"`, `[{"event":"sign`},
	"nothing":        {``, "text", `""`, ``},
	"binary":         {"\x00\xff\xfe", "base64", `"AP/+"`, "\x00\xff\xfe"},
	"two messages":   {`{"a":1}{"b":2}`, "text", `"{\"a\":1}{\"b\":2}"`, `{"a":1}{"b":2}`},
	"closes a frame": {`1},{"x":2`, "text", `"1},{\"x\":2"`, `1},{"x":2`},
}

func TestWhatIsNoJSONIsKept(t *testing.T) {
	for name, test := range garbage {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			l := letter(0)
			l.Message = json.RawMessage(test.message)
			require.NoError(t, w.Put(t.Context(), l, name))
			found := w.list(Filter{})
			require.Len(t, found, 1)
			assert.Equal(t, test.encoding, found[0].Encoding)
			assert.Equal(t, test.shown, string(found[0].Message))
			_, err := json.Marshal(found)
			require.NoError(t, err, "it can be shown")

			sent, err := w.Replay(t.Context(), Filter{})
			require.NoError(t, err)
			assert.Equal(t, 1, sent)
			assert.Equal(t, []string{test.replayed}, w.onStream("a"))
		})
	}
}

// What came with the largest payload has more around it as a letter.
func TestLargestMessages(t *testing.T) {
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	w := newWorld(t)
	w.change("ALTERTABLE_a_DLQ", func(c *jetstream.StreamConfig) { c.MaxMsgSize = 1 << 20 })
	for name, test := range map[string]struct {
		message []byte
		err     error
	}{
		"JSON":        {[]byte(`{"a":"` + strings.Repeat("x", 1<<20-8) + `"}`), nil},
		"no JSON":     {[]byte(strings.Repeat("x", 1<<20)), nil},
		"random":      {noise, ErrTooLarge},
		"less random": {noise[:1<<20-1000], nil},
	} {
		t.Run(name, func(t *testing.T) {
			l := letter(0)
			l.Message = test.message
			err := w.Put(t.Context(), l, name)
			if test.err != nil {
				require.ErrorIs(t, err, test.err)
				return
			}
			require.NoError(t, err)
			n, err := w.Replay(t.Context(), Filter{})
			require.NoError(t, err)
			require.Equal(t, 1, n)
			got := w.onStream("a")
			if json.Valid(test.message) {
				test.message = []byte("[" + string(test.message) + "]")
			}
			assert.Equal(t, string(test.message), got[len(got)-1])
		})
	}
}

func TestErrorsOfPut(t *testing.T) {
	const secret = "hunter2"
	bad := letter(0)
	bad.Message = json.RawMessage(`{"event":"` + secret + `"}`)
	with := func(change func(*Letter)) Letter {
		l := bad
		change(&l)
		return l
	}
	for name, test := range map[string]struct {
		l     Letter
		setup func(*world)
		is    error
		says  []string
	}{
		"unknown tenant":   {with(func(l *Letter) { l.Tenant = "zzz" }), nil, ErrUnknown, []string{`tenant "zzz"`, `"a" "b"`}},
		"a wild tenant":    {with(func(l *Letter) { l.Tenant = ">" }), nil, ErrUnknown, nil},
		"unknown endpoint": {with(func(l *Letter) { l.Endpoint = secret }), nil, ErrUnknown, []string{`tenant "a"`, "endpoint"}},
		"full": {bad, func(w *world) { w.change("ALTERTABLE_a_DLQ", func(c *jetstream.StreamConfig) { c.MaxBytes = 1 }) },
			ErrFull, []string{`tenant "a"`, "replay or purge"}},
		"full of letters": {bad, func(w *world) {
			w.put(1)
			w.change("ALTERTABLE_a_DLQ", func(c *jetstream.StreamConfig) { c.MaxMsgs = 1 })
		}, ErrFull, []string{`tenant "a"`}},
		"stream away": {bad, func(w *world) { require.NoError(w.t, w.js.DeleteStream(w.t.Context(), "ALTERTABLE_a_DLQ")) },
			jetstream.ErrNoStreamResponse, []string{`tenant "a"`, "not stored"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if test.setup != nil {
				test.setup(w)
			}
			err := w.Put(t.Context(), test.l, "id")
			require.ErrorIs(t, err, test.is)
			for _, text := range test.says {
				assert.ErrorContains(t, err, text)
			}
			assert.NotContains(t, err.Error(), secret)
		})
	}
	t.Run("the context has ended", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, newWorld(t).Put(ctx, bad, "id"), context.Canceled)
	})
}

func TestPutOfManyAtOnce(t *testing.T) {
	w := newEmbeddedWorld(t)
	var wg sync.WaitGroup
	for n := range 50 {
		for range 3 {
			wg.Go(func() { assert.NoError(t, w.Put(t.Context(), letter(n), fmt.Sprint(n))) })
		}
	}
	wg.Wait()
	found := map[string]bool{}
	for _, l := range w.list(Filter{}) {
		found[string(l.Message)] = true
	}
	assert.Len(t, found, 50)
	assert.Equal(t, 50, w.count("ALTERTABLE_a_DLQ"))
}

// Others may publish on the stream of dead letters, whatever they like.
func TestForeignLetters(t *testing.T) {
	w := newWorld(t)
	foreign := func(subject, encoding, data string) {
		m := nats.NewMsg("altertable.v1.dlq.a." + subject)
		m.Data = []byte(data)
		if encoding != "" {
			m.Header.Set(headerEncoding, encoding)
		}
		_, err := w.js.PublishMsg(t.Context(), m)
		require.NoError(t, err)
	}
	foreign("track", "", `{"endpoint":"alias","message":{}}`)
	foreign("track", "", `{"endpoint":"track","message":{]}`)
	foreign("track", "gzip", `no gzip`)
	foreign("track", "zip", `x`)
	foreign("x.y.zzz", "", ``)
	foreign("identify", "", ``)
	found := w.list(Filter{})
	require.Len(t, found, 6)
	_, err := json.Marshal(found)
	require.NoError(t, err)
	for _, l := range found {
		assert.Equal(t, "other", l.Code)
		assert.Equal(t, "text", l.Encoding)
	}
	n, err := w.Replay(t.Context(), Filter{})
	assert.Equal(t, 5, n)
	require.ErrorIs(t, err, ErrUnknown)
	assert.ErrorContains(t, err, `tenant "a": 1 dead letters cannot be sent and are kept`)
	assert.Equal(t, []uint64{5}, w.sequences(Filter{}))
}

func FuzzLetter(f *testing.F) {
	for _, test := range garbage {
		f.Add([]byte(test.message), "422", "a reason")
	}
	f.Fuzz(func(t *testing.T, text []byte, c, why string) {
		l := Letter{Tenant: "a", Endpoint: "track", Code: c, Reason: why, Message: text}
		for _, small := range []bool{false, true} {
			m := l.encode("id")
			if small && (len(text)%16 != 1 || !compress(m)) { // a compressor is expensive
				continue
			}
			s := &stored{Letter: Letter{Tenant: "a", Endpoint: "track"}}
			s.open(m.Data, m.Header.Get(headerEncoding))
			assert.Equal(t, string(text), string(s.bytes))
			assert.Equal(t, json.Valid(text), s.isJSON)
			s.show()
			assert.True(t, json.Valid(s.Message))
			assert.Equal(t, code(c), code(code(c)))
			assert.Equal(t, reason(why), reason(reason(why)))
			assert.LessOrEqual(t, len(reason(why)), maxReason)
		}
	})
}

// BenchmarkPut is how fast poison can come, by one caller and by many.
func BenchmarkPut(b *testing.B) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			w := newWorld(b)
			b.SetParallelism((callers + 1) / 2)
			if callers == 1 {
				for b.Loop() {
					require.NoError(b, w.Put(b.Context(), letter(1), ""))
				}
				return
			}
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if err := w.Put(b.Context(), letter(1), ""); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
