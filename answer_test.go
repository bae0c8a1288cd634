package altertable_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

const byteOrderMark = "\uFEFF"

func packed(text string, w io.WriteCloser, into *bytes.Buffer) string {
	_, _ = io.WriteString(w, text) // into memory
	_ = w.Close()
	return into.String()
}

func gzipped(text string) string {
	var into bytes.Buffer
	return packed(text, gzip.NewWriter(&into), &into)
}

func zlibbed(text string) string {
	var into bytes.Buffer
	return packed(text, zlib.NewWriter(&into), &into)
}

func deflated(text string) string {
	var into bytes.Buffer
	w, _ := flate.NewWriter(&into, flate.BestSpeed) // a level that exists
	return packed(text, w, &into)
}

// A gateway compresses an answer that was to come as it is, or a byte order byteOrderMark comes first.
func TestRefusalIsReadHoweverItIsEncoded(t *testing.T) {
	const refusal = `{"ok":false,"error_code":"insert-failed"}`
	long := `{"ok":false,"error_code":"insert-failed","message":"` + strings.Repeat("x", 60_000) + `"}`
	broken := []byte(gzipped(refusal))
	broken[len(broken)-6]++ // its checksum
	for name, test := range map[string]struct{ encoding, body string }{
		"plain":                      {"", refusal},
		"gzip":                       {"gzip", gzipped(refusal)},
		"x-gzip":                     {"x-gzip", gzipped(refusal)},
		"gzip in upper case":         {"GZIP", gzipped(refusal)},
		"gzip and identity":          {"gzip, identity", gzipped(refusal)},
		"gzip without a word":        {"", gzipped(refusal)},
		"gzip under another name":    {"br", gzipped(refusal)},
		"gzip twice":                 {"gzip, gzip", gzipped(gzipped(refusal))},
		"gzip, large":                {"gzip", gzipped(long)},
		"gzip, two members":          {"gzip", gzipped(refusal[:9]) + gzipped(refusal[9:])},
		"gzip, broken checksum":      {"gzip", string(broken)},
		"gzip, trailer cut off":      {"gzip", gzipped(refusal)[:len(gzipped(refusal))-8]},
		"gzip, then other bytes":     {"gzip", gzipped(refusal) + "\x00\x00\x00"},
		"deflate":                    {"deflate", zlibbed(refusal)},
		"deflate in mixed case":      {"Deflate", zlibbed(refusal)},
		"deflate without its header": {"deflate", deflated(refusal)},
		"deflate of a byteOrderMark": {"deflate", deflated(byteOrderMark + refusal)},
		"deflate in gzip":            {"deflate, gzip", gzipped(zlibbed(refusal))},
		"gzip in deflate":            {"gzip, deflate", deflated(gzipped(refusal))},
		"not gzip":                   {"gzip", refusal},
		"not deflate":                {"deflate", " " + refusal},
		"byteOrderMark":              {"", byteOrderMark + refusal},
		"byteOrderMark and space":    {"", "\r\n" + byteOrderMark + " " + refusal},
		"gzip of a byteOrderMark":    {"gzip", gzipped(byteOrderMark + refusal)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, l := newClient(t)
				fault := altertabletest.Status(200).JSON(test.body)
				if test.encoding != "" {
					fault = fault.Header("Content-Encoding", test.encoding)
				}
				srv.Always(fault)
				track(t, client, "e0")
				var api *altertable.APIError
				require.ErrorAs(t, client.Flush(t.Context()), &api)
				assert.EqualError(t, api, "altertable: server answered 200 (insert-failed)")
				assert.Len(t, srv.Requests(), 1)
				assert.EqualValues(t, 1, client.Stats().Failed)
				l.settle(t, client, "e0")
			})
		})
	}
}

// What remains unreadable under a 2xx counts as stored.
func TestUnreadableAnswerOfSuccess(t *testing.T) {
	refusal := gzipped(`{"ok":false,"error_code":"` + strings.Repeat("x", 100) + `"}`)
	for name, test := range map[string]struct{ encoding, body string }{
		"gzip, cut off":              {"gzip", refusal[:len(refusal)/2]},
		"gzip, cut off in its head":  {"gzip", refusal[:5]},
		"gzip, garbage":              {"gzip", "\x1f\x8b" + strings.Repeat("\xff", 100)},
		"gzip, a name without end":   {"gzip", "\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\xff" + strings.Repeat("n", 1000)},
		"gzip of nothing":            {"gzip", gzipped("")},
		"gzip of success":            {"gzip", gzipped(`{"ok":true}`)},
		"deflate, garbage":           {"deflate", "x\x9c\xff\xff\xff"},
		"deflate, with a dictionary": {"deflate", "x\xbb\x00\x00\x00\x01abc"},
		"brotli":                     {"br", "\x0b\x02\x80{}\x03"},
		"longer than 64 KiB":         {"gzip", gzipped(`{"message":"` + strings.Repeat("x", 64<<10) + `","ok":false}`)},
		"a byteOrderMark alone":      {"identity", byteOrderMark},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, l := newClient(t)
				srv.Always(altertabletest.Status(200).JSON(test.body).Header("Content-Encoding", test.encoding))
				track(t, client, "e0")
				require.NoError(t, client.Flush(t.Context()))
				assert.Len(t, srv.Requests(), 1)
				l.settle(t, client, "e0")
			})
		})
	}
}

// 64 KiB that say they are 60 MiB.
func TestAnswerThatIsABomb(t *testing.T) {
	bomb := strings.Repeat(gzipped(strings.Repeat(" ", 1<<20)), 60) // of 60 members
	for name, body := range map[string]string{
		"bomb":          bomb,
		"bomb in bombs": gzipped(bomb),
		"many members":  strings.Repeat(gzipped(""), 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			client, srv, l := onSocket(t)
			srv.Always(altertabletest.Status(422).Header("Content-Encoding", "gzip").JSON(body))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := client.TrackSync(t.Context(), event("e0"))
			runtime.ReadMemStats(&after)
			var api *altertable.APIError
			require.ErrorAs(t, err, &api)
			assert.LessOrEqual(t, len(api.Body), 64<<10)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20))
			l.settle(t, client)
		})
	}
}

// A captive portal, or what else is at a wrong base URL, answers 200 with a page.
func TestPageIsNoSuccess(t *testing.T) {
	const page = "<!DOCTYPE html><title>secret</title>"
	for name, fault := range map[string]altertabletest.Fault{
		"page":              altertabletest.Status(200).HTML(page),
		"no parameter":      altertabletest.Status(200).Header("Content-Type", "text/html").Body(page),
		"upper case":        altertabletest.Status(200).Header("Content-Type", " TEXT/HTML ;CHARSET=x").Body(page),
		"two types":         altertabletest.Status(200).Header("Content-Type", "text/html, text/html").Body(page),
		"XHTML":             altertabletest.Status(200).Header("Content-Type", "application/xhtml+xml; charset=utf-8").Body("<?xml version='1.0'?>" + page),
		"201":               altertabletest.Status(201).HTML(page),
		"203":               altertabletest.Status(203).HTML(page),
		"space":             altertabletest.Status(200).HTML(" \r\n\t\v\f" + page),
		"byteOrderMark":     altertabletest.Status(200).HTML(byteOrderMark + "\n" + page),
		"one character":     altertabletest.Status(200).HTML("<"),
		"compressed":        altertabletest.Status(200).HTML(gzipped(page)).Header("Content-Encoding", "gzip"),
		"compressed, quiet": altertabletest.Status(200).HTML(gzipped(byteOrderMark + page)),
		"deflated":          altertabletest.Status(200).HTML(deflated(page)).Header("Content-Encoding", "deflate"),
		"cut off":           altertabletest.Status(200).HTML(strings.Repeat(page, 100)).Truncate(),
		"endless":           altertabletest.Status(200).HTML(page).Endless(),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, l := newClient(t)
				srv.Next(3, fault)
				_, err := client.TrackSync(within(t, time.Millisecond), event("sync"))
				var api *altertable.APIError
				require.ErrorAs(t, err, &api)
				assert.Equal(t, srv.Requests()[0].Status, api.StatusCode)
				assert.Contains(t, err.Error(), "with an HTML page: a captive portal, or the base URL is wrong")
				assert.NotContains(t, err.Error(), "secret")
				assert.NotErrorIs(t, err, altertable.ErrUnauthorized)
				track(t, client, "e0")
				require.NoError(t, client.Flush(t.Context()))
				assert.Equal(t, []string{"e0"}, stored(srv), "it went again, and arrived once")
				assert.EqualValues(t, 2, client.Stats().Retries)
				l.settle(t, client, "e0")
			})
		})
	}
}

// Gateways say text/html also of what is no page, and servers send pages of other types.
func TestOtherBodiesOfSuccess(t *testing.T) {
	for name, test := range map[string]struct{ contentType, body string }{
		"JSON as HTML":                  {"text/html", `{"ok":true}`},
		"JSON as HTML, a byteOrderMark": {"text/html; charset=utf-8", byteOrderMark + `{"ok":true,"task_id":"<"}`},
		"string as HTML":                {"text/html", `"<html>"`},
		"text as HTML":                  {"text/html", "OK"},
		"text with tags as HTML":        {"text/html", "accepted <br>"},
		"nothing as HTML":               {"text/html", ""},
		"space as HTML":                 {"text/html", " \r\n" + byteOrderMark},
		"page as text":                  {"text/plain", "<html>"},
		"page as JSON":                  {"application/json", "<html>"},
		"page of no type":               {"", "<html>"},
		"page of another type":          {"text/html5", "<html>"},
		"XML":                           {"application/xml", "<ok/>"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, l := newClient(t)
				srv.Always(altertabletest.Answer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header()["Content-Type"] = []string{test.contentType}
					_, _ = io.WriteString(w, test.body) // a client may leave in between
				})))
				track(t, client, "e0")
				require.NoError(t, client.Flush(t.Context()))
				assert.Len(t, srv.Requests(), 1)
				response, err := client.TrackSync(t.Context(), event("sync"))
				require.NoError(t, err)
				assert.True(t, response.OK)
				l.settle(t, client, "e0")
			})
		})
	}
}

// A refusal of the API has a code. One without is from somebody on the way,
// and nothing is lost.
func TestForbiddenWithoutACodeIsRetried(t *testing.T) {
	for name, fault := range map[string]altertabletest.Fault{
		"page":           altertabletest.Status(403).HTML("<html>secret</html>"),
		"nothing":        altertabletest.Status(403),
		"text":           altertabletest.Status(403).Body("error code: 1020"),
		"message alone":  altertabletest.Status(403).JSON(`{"message":"secret"}`),
		"number":         altertabletest.Status(403).JSON(`{"error_code":1020,"error":{"code":7}}`),
		"empty code":     altertabletest.Status(403).JSON(`{"ok":false,"error_code":"","error":null}`),
		"other JSON":     altertabletest.Status(403).JSON(`["forbidden"]`),
		"JSON, cut off":  altertabletest.Status(403).JSON(`{"ok":false,"error_code":"forbidden"`),
		"compressed":     altertabletest.Status(403).HTML(gzipped("<html>secret</html>")).Header("Content-Encoding", "gzip"),
		"page, endless":  altertabletest.Status(403).HTML("<html>secret").Endless(),
		"page, cut off":  altertabletest.Status(403).HTML("<html>secret</html>").Truncate(),
		"with a request": altertabletest.Status(403).HTML("<html>").Header("X-Request-Id", "secret"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, l := newClient(t)
				srv.Next(3, fault)
				_, err := client.TrackSync(within(t, time.Millisecond), event("sync"))
				var api *altertable.APIError
				require.ErrorAs(t, err, &api)
				assert.Equal(t, 403, api.StatusCode)
				assert.NotErrorIs(t, err, altertable.ErrUnauthorized)
				assert.Contains(t, err.Error(), "server answered 403 without an error code: a firewall or proxy in between, not the API")
				assert.NotContains(t, err.Error(), "secret")
				track(t, client, "e0")
				require.NoError(t, client.Flush(t.Context()))
				assert.Equal(t, []string{"e0"}, stored(srv))
				l.settle(t, client, "e0")
			})
		})
	}
}

func TestRefusedKeyIsFinal(t *testing.T) {
	for name, fault := range map[string]altertabletest.Fault{
		"401":                 altertabletest.Status(401),
		"401, page":           altertabletest.Status(401).HTML("<html>"),
		"401, code":           altertabletest.Status(401).ErrorCode("invalid-key"),
		"403, code":           altertabletest.Status(403).ErrorCode("forbidden"),
		"403, error":          altertabletest.Status(403).JSON(`{"error":"forbidden","message":"no"}`),
		"403, nested":         altertabletest.Status(403).JSON(`{"error":{"code":"AUTHORIZATION_ERROR"}}`),
		"403, as HTML":        altertabletest.Status(403).HTML(`{"error_code":"forbidden"}`),
		"403, compressed":     altertabletest.Status(403).JSON(gzipped(`{"error_code":"forbidden"}`)).Header("Content-Encoding", "gzip"),
		"403, byteOrderMark":  altertabletest.Status(403).JSON(byteOrderMark + `{"error_code":"forbidden"}`),
		"403, a code of text": altertabletest.Status(403).JSON(`{"error":"this key may not ingest"}`),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, l := newClient(t)
				srv.Always(fault)
				track(t, client, "e0")
				require.ErrorIs(t, client.Flush(t.Context()), altertable.ErrUnauthorized)
				assert.Len(t, srv.Requests(), 1)
				_, err := client.TrackSync(t.Context(), event("sync"))
				require.ErrorIs(t, err, altertable.ErrUnauthorized)
				assert.Len(t, srv.Requests(), 2)
				l.settle(t, client, "e0")
			})
		})
	}
}
