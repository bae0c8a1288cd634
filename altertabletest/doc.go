// Package altertabletest runs a test double of the Altertable Product Analytics
// API, so that code which sends events, traits and aliases can be tested end to
// end: what arrived, whom it belongs to, and what happens when the network or
// the server fails.
//
// # A test of your own handler
//
// [New] gives a client and the server it talks to, both closed with the test:
//
//	client, srv := altertabletest.New(t)
//	handler := NewSignupHandler(client)
//
//	handler.ServeHTTP(httptest.NewRecorder(), signup("ada@example.com"))
//	require.NoError(t, client.Flush(t.Context()))
//
//	event := srv.RequireEvent(t, altertabletest.Want{
//		Event:      "signed_up",
//		Properties: altertable.Properties{"seats": 5},
//	})
//	assert.Equal(t, "pro", event.IdentityTraits["plan"])
//
// [Server.RequireEvent] fails with a list of what there was, and says so if the
// Flush is missing; [Server.RequireNoEvent] is its opposite. [Server.WaitEvents]
// waits for events of code that flushes by itself. [VisitorCookie] gives a request a
// visitor whom the browser SDK has seen.
//
// [NewServer] gives the server alone. It listens on a loopback port, at
// Server.URL, for any HTTP client; [Server.HTTPClient] reaches the same server
// without sockets. [WithIdentities] starts it with people it knows already.
//
// The command in the directory local of the repository is this server with a
// console and SQL, to look at what a service sends.
//
// # What the server does
//
// POST /track, /identify and /alias take one JSON object or an array of them,
// and answer as the API does, status by status:
//
//	404, 405  another path, another method
//	401       no key, or one that WithAPIKeys does not list: X-API-Key, else
//	          Authorization: Bearer, else ?apiKey=. An empty X-API-Key and
//	          "bearer" in lower case are no key. The body is empty, and the
//	          request's body is not read before
//	415       Content-Type is neither application/json nor application/*+json
//	413       more than 2,097,152 bytes
//	400       not JSON (compressed JSON is not, either), half of a surrogate
//	          pair, a number beyond the range of a float64, or more than 128
//	          levels of lists and objects
//	422       a field is missing, of the wrong type, or there twice; properties
//	          are null; one such element refuses the whole array
//	400       environment-not-found, or insert-failed, identify-failed and
//	          alias-failed for a timestamp that is none; the elements before it
//	          are stored
//	200       {"ok":true,"task_id":"task-1","error_code":null}
//
// A timestamp is a date, or a date and a time with "T" or a space between, with
// or without a fraction after a point, and with an offset (Z, +02:00, +0200 or
// +02) or in UTC; or an integer, of seconds if it is below 100,000,000,000 (the
// year 5138), else of milliseconds. Of identify, a device_id that is no string
// counts as absent. session_id is kept of track alone.
//
// Ids are resolved for each environment by itself, when they are asked for:
//
//   - identify creates the identity of a distinct_id or updates it. Traits are
//     merged shallowly. An identify with a timestamp counts only if that is
//     newer than the identity's: that of the newest identify, or the arrival of
//     one that had none. An equal one is lost.
//   - anonymous_id on identify links that id, its earlier and its later events,
//     to the user. It belongs to the first user it was linked to: another one
//     who identifies with it later (a shared browser) neither gets it nor is
//     merged with the first.
//   - alias makes one identity of the two ids, known by new_user_id. Where both
//     have a trait, the value of the more recently identified one stays.
//   - An event belongs to the identity of its distinct_id, and carries that
//     identity's current traits, also if it was sent before the identify. One
//     that has no distinct_id, or an empty one, belongs to the identity of its
//     anonymous_id; one that has neither belongs to nobody. Events link no ids and
//     create no identities.
//
// The cost of a message does not depend on how many ids, devices and traits its
// identity has. [WithObserver] tells what each message did, at the same cost.
//
// # Differences from the documentation and the official mock
//
// Where the documentation and the official mock server disagree, the
// documentation wins. A dash means that nothing is said, or nothing is known:
//
//	                       documentation           official mock        this server
//	---------------------  ----------------------  -------------------  -------------------------
//	?apiKey=               is a key                401                  is a key
//	task_id of a success   there                   missing              there
//	timestamp of identify  older or equal: traits  not looked at        as documented
//	                       stay as they are
//	timestamp of identify  ISO 8601                200                  400 identify-failed or
//	or alias is garbage                                                 alias-failed
//	integer as timestamp   seconds                 milliseconds         seconds below 10^11,
//	                                                                    else milliseconds
//	anonymous_id on track  links are made by       links as identify    links nothing
//	                       identify and alias      does
//
// Two documents disagree with each other, and the mock decides:
//
//	                       documentation           official mock        this server
//	---------------------  ----------------------  -------------------  -------------------------
//	id that stays after    new_user_id is the id   new_user_id          new_user_id
//	an alias               to link to; an example
//	                       keeps the other one
//	environment unknown    400 {"ok":false, ...}   400 {"ok":false,     400 {"ok":false, ...}
//	                       or 422 {"error": ...}   ...}
//	no key, or a bad one   401; the older one has  401, empty body      401, empty body
//	                       a JSON body
//
// A test server should not be set up before it can be used, nor do what a test
// did not ask for:
//
//	                       documentation           official mock        this server
//	---------------------  ----------------------  -------------------  -------------------------
//	which keys exist       those of the dashboard  its own              any but an empty one, or
//	                                                                    those of WithAPIKeys
//	which environments     those of the dashboard  its own              any, or those of
//	exist                                                               WithEnvironments
//	answer without         comes before the work   -                    comes after it, as with
//	?sync=true             is done                                      ?sync=true
//	429, 500               exist                   500 internal-error   only as a Fault
//	address of the         stored if the event     -                    never stored
//	connection             has no $ip
//
// Where the documentation does not speak, the server answers as the mock does:
// that is the list of statuses above. Where the mock is silent as well, or is
// not known to do either, it was decided here:
//
//	                       documentation           official mock        this server
//	---------------------  ----------------------  -------------------  -------------------------
//	distinct_id of track
//	  absent or null       -                       null                 absent
//	  empty                -                       -                    absent
//	event that has only    -                       of the owner of      as the mock; of
//	an anonymous_id                                anonymous_id         anonymous_id itself if
//	                                                                    nobody owns it
//	event with neither     -                       -                    of nobody, also after an
//	                                                                    identify of ""
//	identify, alias:
//	  empty distinct_id,   SDKs refuse it          taken                an id like any other
//	  new_user_id
//	  reserved id, such    SDKs refuse it          taken                an id like any other
//	  as "null"
//	  empty anonymous_id   -                       -                    absent
//	  or device_id
//	identify without a     -                       its traits count     its traits count; its
//	timestamp                                                           arrival is its timestamp
//	anonymous_id of        -                       -                    stays with the first
//	another user                                                        user
//	anonymous_id that was  -                       -                    merged with the user
//	identified itself
//	trait that both have   -                       -                    of the one identified
//	in a merge                                                          last, at a tie of the
//	                                                                    surviving one
//	alias to a former id   -                       -                    joins that id's identity,
//	                                                                    which keeps its name
//	a message sent twice   -                       -                    stored twice
//	other path or method   -                       -                    404, 405
//
// anonymous_id on track is the one to mind: a test that passes here does not show
// that an event sent with another person's anonymous_id is harmless.
//
// # Faults
//
// A [Fault] makes a request go wrong; [Server.Next] applies it to the next
// requests, [Server.Always] to all:
//
//	srv.Next(2, altertabletest.Status(503).RetryAfter(time.Second))
//	srv.Next(1, altertabletest.Reset().AfterStoring())
//	srv.Always(altertabletest.Status(429).On("/identify"))
//	srv.Down() // connections are reset or refused, until srv.Up()
//
// They act alike over a socket and through Server.HTTPClient. A Flush waits for
// a server that is down, or that fails, for as long as its context lets it. With the
// client of New it ends before the test's deadline, and the test fails with a
// sentence; with any other client give Flush a context with a deadline.
//
// # Virtual time
//
// Inside testing/synctest.Test a goroutine that waits for a socket keeps the
// clock from moving. So NewServer and New open none there: the server is
// reached through Server.HTTPClient alone, and delays pass in virtual time.
// Create the server, and the client, inside the bubble that uses them. A client
// that was made elsewhere, one in a package's variable for example, refuses calls
// from the bubble with ErrClosed, unless it is disabled: give the code under test
// the client of New.
package altertabletest
