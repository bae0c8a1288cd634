package intake_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/intake"
)

// head is a request's without its body.
func head(more string) string {
	return "POST /track HTTP/1.1\r\nHost: x\r\nX-API-Key: " + token + "\r\nContent-Type: application/json\r\n" + more + "\r\n\r\n"
}

func statusOf(t *testing.T, conn net.Conn) int {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	return resp.StatusCode
}

func TestABodyMayComeByteForByte(t *testing.T) {
	s := start(t, intake.Options{})
	r := s.request(t, "/track", "")
	r.Body, r.ContentLength = io.NopCloser(iotest.OneByteReader(strings.NewReader(list(120, track)))), -1
	require.Equal(t, 200, s.do(t, r).status)
	assert.Len(t, s.events(t, "acme"), 120)
}

func TestABodyOfEverySizeArrivesWhole(t *testing.T) {
	s := start(t, intake.Options{})
	for _, size := range []int{1000, 4 << 10, 4<<10 + 1, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 1<<20 + 1, 2_097_152 - 2} {
		for _, length := range []int64{0, -1} {
			text := sized(1, size)
			require.Len(t, text, size)
			r := s.request(t, "/track", text)
			if length < 0 {
				r.ContentLength, r.Body = -1, io.NopCloser(strings.NewReader(text))
			}
			require.Equal(t, 200, s.do(t, r).status, size)
		}
		all := s.stored(t, "acme")
		require.Equal(t, "["+sized(1, size)+"]", all[len(all)-1].data)
	}
}

func TestAnEndlessBodyIs413(t *testing.T) {
	s := start(t, intake.Options{})
	conn := dial(t, s)
	go func() {
		_, _ = io.WriteString(conn, head("Transfer-Encoding: chunked"))
		chunk := "10000\r\n" + strings.Repeat(" ", 0x10000) + "\r\n"
		for err := error(nil); err == nil; {
			_, err = io.WriteString(conn, chunk)
		}
	}()
	assert.Equal(t, 413, statusOf(t, conn))
}

func TestALengthThatIsTooLargeIs413BeforeTheBody(t *testing.T) {
	s := start(t, intake.Options{})
	for _, more := range []string{"Content-Length: 2097153", "Content-Length: 9223372036854775807", "Content-Length: 3000000\r\nExpect: 100-continue"} {
		conn := dial(t, s)
		_, err := io.WriteString(conn, head(more))
		require.NoError(t, err)
		assert.Equal(t, 413, statusOf(t, conn), more)
	}
}

func TestALengthThatLies(t *testing.T) {
	s := start(t, intake.Options{})
	text := track(1)
	// More than comes: the request never becomes whole.
	conn := dial(t, s)
	_, err := io.WriteString(conn, head(fmt.Sprint("Content-Length: ", len(text)+1))+text)
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	assert.Equal(t, 400, statusOf(t, conn))
	// Less: the rest is another request, and none.
	conn = dial(t, s)
	_, err = io.WriteString(conn, head(fmt.Sprint("Content-Length: ", len(text)-1))+text)
	require.NoError(t, err)
	assert.Equal(t, 400, statusOf(t, conn))
	for _, more := range []string{"Content-Length: -1", "Content-Length: x", "Content-Length: 1\r\nContent-Length: 2"} {
		conn = dial(t, s)
		_, err = io.WriteString(conn, head(more)+text)
		require.NoError(t, err)
		assert.Equal(t, 400, statusOf(t, conn), more)
	}
	assert.Empty(t, s.stored(t, "acme"))
}

func TestAClientThatExpectsToBeAskedIsAsked(t *testing.T) {
	s := start(t, intake.Options{})
	r := s.request(t, "/track", track(1), "Expect", "100-continue")
	assert.Equal(t, 200, s.do(t, r).status)
}

func TestSlowBodiesCostLittle(t *testing.T) {
	s := start(t, intake.Options{})
	const n = 500
	before := heap()
	for range n {
		conn := dial(t, s)
		_, err := io.WriteString(conn, head("Content-Length: 2000000")+"[")
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return runtime.NumGoroutine() > n }, patience, time.Millisecond)
	for i := range 50 {
		require.Equal(t, 200, s.post(t, "/track", track(i)).status)
	}
	assert.Less(t, heap()-before, int64(n*64<<10))
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}

// More bodies at once than there is memory for: some are told to come again, and
// the memory is there again afterwards.
func TestTheMemoryOfAllBodiesIsBounded(t *testing.T) {
	s := start(t, intake.Options{})
	const n = 40
	var held []*io.PipeWriter
	var group sync.WaitGroup
	statuses := make(chan reply, n)
	text := []byte(sized(1, 2_000_000))
	for range n {
		reader, writer := io.Pipe()
		held = append(held, writer)
		r := s.request(t, "/track", "")
		r.Body, r.ContentLength = reader, int64(len(text))
		group.Go(func() { statuses <- s.do(t, r) })
		group.Go(func() { _, _ = writer.Write(text[:len(text)-1]) })
	}
	refused := <-statuses // nobody has sent all, so this one was refused
	requireLater(t, refused, "unavailable")
	for _, writer := range held {
		group.Go(func() {
			_, _ = writer.Write(text[len(text)-1:])
			_ = writer.Close()
		})
	}
	group.Wait()
	close(statuses)
	for a := range statuses {
		assert.Contains(t, []int{200, 503}, a.status)
	}
	for range 3 {
		assert.Equal(t, 200, s.post(t, "/track", string(text)).status)
	}
}

func TestTenThousandTinyLists(t *testing.T) {
	s := start(t, intake.Options{})
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			for range 1000 {
				w := httptest.NewRecorder()
				s.ServeHTTP(w, s.request(t, "/track", "[]"))
				assert.Equal(t, 200, w.Code)
			}
		})
	}
	group.Wait()
	assert.Empty(t, s.stored(t, "acme"))
	tiny := strings.Repeat("[],", 600_000)
	assert.Equal(t, 422, s.post(t, "/track", "["+tiny[:len(tiny)-1]+"]").status)
	assert.Equal(t, 400, s.post(t, "/track", strings.Repeat("[", 2_000_000)).status)
}

func TestAFloodOfHeaders(t *testing.T) {
	s := start(t, intake.Options{})
	conn := dial(t, s)
	var flood bytes.Buffer
	for i := range 20_000 {
		fmt.Fprintf(&flood, "X-Flood-%d: %d\r\n", i, i)
	}
	go func() { _, _ = io.WriteString(conn, head(flood.String()+"Content-Length: 2")+"[]") }()
	assert.Contains(t, []int{200, 431}, statusOf(t, conn))
	assert.Equal(t, 401, s.post(t, "/track?a="+strings.Repeat("&a", 100_000), track(1), "X-API-Key", "").status)
}

func TestABodyThatTakesTooLongIs408(t *testing.T) {
	s := start(t, intake.Options{})
	s.SetTimes(50*time.Millisecond, patience)
	for _, more := range []string{"Content-Length: 1000", "Transfer-Encoding: chunked"} {
		conn := dial(t, s)
		_, err := io.WriteString(conn, head(more))
		require.NoError(t, err)
		assert.Equal(t, 408, statusOf(t, conn))
		_, _ = io.Copy(io.Discard, conn) // it is closed
	}
	s.SetTimes(patience, patience)
	assert.Equal(t, 200, s.post(t, "/track", track(1)).status)
}

func TestHTTP2(t *testing.T) {
	s := start(t, intake.Options{})
	server := httptest.NewUnstartedServer(s.Intake)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	s.URL, s.client = server.URL, server.Client()
	for range 3 {
		assert.Equal(t, 401, s.post(t, "/track", strings.Repeat(" ", 500_000), "X-API-Key", "wrong").status)
		assert.Equal(t, 413, s.post(t, "/track", strings.Repeat(" ", 2_500_000)).status)
		assert.Equal(t, 200, s.post(t, "/track", list(120, track)).status)
	}
	assert.Len(t, s.events(t, "acme"), 120)
}

// Clients with one tenant's browser token, which every page shows, send as much as
// they can and never end. There is room for that tenant's servers, and for others.
func TestSlowBodiesOfOneTokenLeaveRoomForOthers(t *testing.T) {
	other := intake.Tenant{Name: "other", Tokens: []intake.Token{{SHA256: sha256.Sum256([]byte("rt_other"))}}}
	s := start(t, intake.Options{Tenants: []intake.Tenant{acme(), other}})
	slow := strings.ReplaceAll(head("Content-Length: 2000000"), token, browserToken)
	text := sized(1, 2_000_000)
	refused := make(chan bool, 1)
	var readers sync.WaitGroup
	t.Cleanup(readers.Wait) // after the connections' end
	for range 60 {
		conn := dial(t, s)
		_, err := io.WriteString(conn, slow)
		require.NoError(t, err)
		_, _ = io.WriteString(conn, text[:len(text)-1]) // returns once that is read, nearly
		readers.Go(func() {
			if n, _ := conn.Read(make([]byte, 1)); n > 0 {
				select {
				case refused <- true:
				default:
				}
			}
		})
	}
	select {
	case <-refused:
	case <-time.After(patience):
		require.FailNow(t, "there is room for them all")
	}
	for _, key := range []string{token, "rt_other"} {
		assert.Equal(t, 200, s.post(t, "/track", text, "X-API-Key", key).status)
		assert.Equal(t, 200, s.post(t, "/track", track(1), "X-API-Key", key).status)
	}
}
