package natsqueue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"
)

// A refusal is an answer other than 200.
type refusal struct {
	status  int
	code    string // the client shows it in its log
	text    string // what it means, and what to do
	mayPass bool   // another attempt may succeed soon
}

func refuse(status int, code, text string) *refusal {
	return &refusal{status: status, code: code, text: text}
}

// later is a refusal of a request that may succeed soon.
func later(code, text string) *refusal {
	return &refusal{status: http.StatusServiceUnavailable, code: code, text: text, mayPass: true}
}

var (
	tooLarge = refuse(http.StatusRequestEntityTooLarge, "payload-too-large",
		"the batch is larger than a message may be: than max_payload of the NATS server, or MaxMsgSize of the stream; WithMaxBatchBytes bounds it")
	connectionClosed = refuse(http.StatusServiceUnavailable, "connection-closed",
		"the NATS connection is closed or drains: shut the client down before it, and connect with natsqueue.ConnectOptions")
	notConnected = later("not-connected",
		"there is no connection to a NATS server: see that one runs at the address and takes the credentials")
	notAcknowledged = later("no-acknowledgement",
		"the stream did not acknowledge the message in time: see the NATS server's load, and that the replicas of the stream have a leader")
	notPermitted = later("not-permitted",
		"the NATS user may not publish to the tenant's subjects: allow altertable.v1.TENANT.>, and _INBOX.> for the answers")
)

// misuse returns what is wrong with the arguments of New, nil if nothing is.
func misuse(js jetstream.JetStream, tenant string) *refusal {
	switch {
	case js == nil:
		return refuse(http.StatusServiceUnavailable, "no-jetstream", "natsqueue.New was given no JetStream: js is nil")
	case !isTenant(tenant):
		return refuse(http.StatusServiceUnavailable, "invalid-tenant",
			fmt.Sprintf("natsqueue.New was given tenant %.100q, which is no tenant's name: "+
				`1 to 32 of a-z, 0-9, "_" and "-", the first of them a letter or digit, and not "dlq"`, tenant))
	}
	return nil
}

func (q *queue) noStream() *refusal {
	return later("no-stream",
		"no stream takes the messages of this tenant: start the relay, which makes "+q.stream+", on these NATS servers and in this account")
}

func (q *queue) otherStream() *refusal {
	return refuse(http.StatusServiceUnavailable, "other-stream",
		"another stream than "+q.stream+" takes the subjects of this tenant, and no relay reads it: take altertable.> out of its subjects")
}

func (q *queue) full(reason string) *refusal {
	return refuse(http.StatusServiceUnavailable, "stream-full",
		"stream "+q.stream+" or its disk is full ("+reason+"): see why the relay does not drain it, or raise its MaxBytes")
}

func brokerRefused(err *jetstream.APIError) *refusal {
	return later("refused-"+strconv.Itoa(int(err.ErrorCode)), "the NATS server refused the message: "+err.Description)
}

func publishFailed(err error) *refusal {
	return later("publish-failed", "the message could not be published: "+err.Error())
}

// answer returns r's refusal, of the API's shape.
func (f *refusal) answer(r *http.Request) *http.Response {
	body, err := json.Marshal(struct {
		OK      bool   `json:"ok"`
		Code    string `json:"error_code"`
		Message string `json:"message"`
	}{false, f.code, f.text})
	if err != nil {
		body = nil // strings can be encoded
	}
	return newAnswer(r, f.status, body)
}

var storedBody = []byte(`{"ok":true,"task_id":null,"error_code":null}`)

// stored returns the answer to r once its body is on the stream.
func stored(r *http.Request) *http.Response { return newAnswer(r, http.StatusOK, storedBody) }

func newAnswer(r *http.Request, status int, body []byte) *http.Response {
	return &http.Response{
		Status:        strconv.Itoa(status) + " " + http.StatusText(status),
		StatusCode:    status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       r,
	}
}
