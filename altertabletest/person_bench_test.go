package altertabletest_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// largeIdentity has n ids, n devices and n traits.
func largeIdentity(n int) altertabletest.Identity {
	identity := altertabletest.Identity{Environment: "production", DistinctID: "large-0", Traits: map[string]any{}}
	for i := range n - 1 {
		identity.Aliases = append(identity.Aliases, fmt.Sprint("alias-", i))
	}
	for i := range n {
		identity.DeviceIDs = append(identity.DeviceIDs, fmt.Sprint("device-", i))
		identity.Traits[fmt.Sprint("trait-", i)] = i
	}
	return identity
}

// perMessage are messages that a large identity must not make slow, each of
// them the i-th of its kind.
var perMessage = map[string]func(i int) step{
	"track":    func(int) step { return step{"/track", trackBody(`"distinct_id":"alias-1",`)} },
	"identify": func(i int) step { return step{"/identify", identifyBody("large-0", "", -1, fmt.Sprintf(`"n":%d`, i))} },
	"link":     func(i int) step { return step{"/identify", identifyBody("large-0", fmt.Sprint("anon-", i), -1, "")} },
	"device": func(i int) step {
		return step{"/identify", strings.Replace(identifyBody("large-0", "", -1, ""), "{", fmt.Sprintf(`{"device_id":"new-%d",`, i), 1)}
	},
	"takenOver": func(i int) step {
		return step{"/identify", identifyBody(fmt.Sprint("large-", i+1), fmt.Sprint("large-", i), -1, `"n":1`)}
	},
	"chain":       func(i int) step { return aliasStep(fmt.Sprint("large-", i), fmt.Sprint("large-", i+1)) },
	"manyIntoOne": func(i int) step { return aliasStep(fmt.Sprint("other-", i), "large-0") },
}

// What a message costs at identities of different sizes.
func BenchmarkMessage(b *testing.B) {
	for _, name := range slices.Sorted(maps.Keys(perMessage)) {
		for _, n := range []int{10, 1_000, 100_000} {
			for _, observed := range []bool{false, true} {
				for _, way := range []string{"client", "handler"} {
					b.Run(fmt.Sprintf("%s/ids=%d/observed=%t/%s", name, n, observed, way), func(b *testing.B) {
						benchmarkMessage(b, n, observed, way, perMessage[name])
					})
				}
			}
		}
	}
}

func benchmarkMessage(b *testing.B, n int, observed bool, way string, message func(i int) step) {
	opts := []altertabletest.Option{altertabletest.WithoutListener(), altertabletest.WithHistory(10), altertabletest.WithIdentities(largeIdentity(n))}
	if observed {
		opts = append(opts, altertabletest.WithObserver(func(altertabletest.Change) {}))
	}
	srv := altertabletest.NewServer(opts...)
	defer srv.Close()
	client, handler := srv.HTTPClient(), srv.Handler()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s := message(i)
		r := httptest.NewRequest(http.MethodPost, srv.URL+s.path, strings.NewReader(s.body))
		r.Header.Set("X-Api-Key", "key")
		r.Header.Set("Content-Type", "application/json")
		if way == "handler" {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != http.StatusOK {
				b.Fatal(w.Body.String())
			}
			continue
		}
		r.RequestURI = ""
		resp, err := client.Do(r)
		if err != nil || resp.StatusCode != http.StatusOK {
			b.Fatal(err)
		}
		_ = resp.Body.Close()
	}
}

// One body of almost 2 MiB: 28,000 aliases of one user.
func BenchmarkLargeAlias(b *testing.B) {
	for _, observed := range []bool{false, true} {
		b.Run(fmt.Sprintf("observed=%t", observed), func(b *testing.B) {
			body := manyAliases(28_000)
			b.ReportAllocs()
			for b.Loop() {
				opts := []altertabletest.Option{altertabletest.WithoutListener()}
				if observed {
					opts = append(opts, altertabletest.WithObserver(func(altertabletest.Change) {}))
				}
				srv := altertabletest.NewServer(opts...)
				r := httptest.NewRequest(http.MethodPost, "/alias", strings.NewReader(body))
				r.Header.Set("X-Api-Key", "key")
				r.Header.Set("Content-Type", "application/json")
				w := httptest.NewRecorder()
				srv.Handler().ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Body.String())
				}
				srv.Close()
			}
		})
	}
}

func manyAliases(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,{"environment":"production","distinct_id":"a-%d","new_user_id":"u"}`, i)
	}
	return "[" + b.String()[1:] + "]"
}

func BenchmarkSnapshot(b *testing.B) {
	for _, n := range []int{10, 1_000, 100_000} {
		b.Run(fmt.Sprintf("ids=%d", n), func(b *testing.B) {
			srv := altertabletest.NewServer(altertabletest.WithoutListener(), altertabletest.WithIdentities(largeIdentity(n)))
			defer srv.Close()
			for b.Loop() {
				srv.Identity("production", "large-0")
			}
		})
	}
}
