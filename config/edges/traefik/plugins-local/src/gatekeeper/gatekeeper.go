// Package gatekeeper asks the gate before each request, as a middleware of Traefik.
//
// It is here because Traefik's own forwardAuth waits up to 30 seconds for an answer, refuses everybody when the gate is down, and
// opens a connection for most of its questions. Traefik interprets this file (Yaegi), so it is short, and the standard library does
// the work. See docs/edges/traefik.md.
package gatekeeper

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"time"
)

const (
	// A gate that does not answer in time has failed. The lockout page is fetched by the gate from elsewhere, and may take longer
	dialTimeout     = 50 * time.Millisecond
	decisionTimeout = 250 * time.Millisecond
	pageTimeout     = 3 * time.Second

	// Another spelling of X-Gatekeeper-Decision, which the middleware that takes the application's own away does not know by heart
	mark = "X-GateKeeper-Decision"
)

// What the application is told besides the identity headers, and never by a client
var ours = []string{"X-Gatekeeper-Account", "X-Gatekeeper-Standing", "X-Gatekeeper-Revision"}

// What the page depends on, and the decision does not
var forPage = []string{"Accept", "Accept-Language", "Sec-Fetch-Mode", "Content-Type", "X-Viewer-Email"}

var neverPassed = []string{"X-Gatekeeper-Decision", "X-Gatekeeper-Edge", "X-Gatekeeper-Page", "X-Viewer-Email"}

// Config is what routing.yaml says.
type Config struct {
	URL      string   `json:"url,omitempty"`
	Secret   string   `json:"secret,omitempty"`
	Identity []string `json:"identity,omitempty"`
	Tell     []string `json:"tell,omitempty"`
}

// CreateConfig is called by Traefik.
func CreateConfig() *Config {
	return &Config{}
}

type middleware struct {
	next      http.Handler
	gate      *url.URL
	secret    string
	identity  []string
	told      []string
	decisions *http.Transport
	pages     *http.Transport
}

// New is called by Traefik, once for each router.
func New(_ context.Context, next http.Handler, config *Config, _ string) (http.Handler, error) {
	gate, err := url.Parse(config.URL)
	if err != nil || gate.Host == "" {
		return nil, errors.New("url must be the address of the gate, such as http://127.0.0.1:8403/gate/traefik")
	}
	if len(config.Identity) == 0 {
		return nil, errors.New("identity must name the headers of gate.identity, such as X-Account-Id")
	}
	identity := canonical(config.Identity)
	return &middleware{
		next:      next,
		gate:      gate,
		secret:    config.Secret,
		identity:  identity,
		told:      append(canonical(config.Tell), identity...),
		decisions: transport(decisionTimeout),
		pages:     transport(pageTimeout),
	}, nil
}

func canonical(names []string) []string {
	found := make([]string, 0, len(names))
	for _, name := range names {
		found = append(found, textproto.CanonicalMIMEHeaderKey(name))
	}
	return found
}

// transport gives no proxy of the environment a question, and follows no redirect.
func transport(timeout time.Duration) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout}
	return &http.Transport{
		// Yaegi takes no method for a function
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, address)
		},
		ResponseHeaderTimeout: timeout,
		MaxIdleConnsPerHost:   256,
		IdleConnTimeout:       time.Minute,
		DisableCompression:    true,
	}
}

func (m *middleware) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	question := m.question(request)
	answer, err := m.decisions.RoundTrip(question)
	if err == nil && answer.StatusCode != http.StatusOK && answer.StatusCode < http.StatusInternalServerError {
		// Denied. Asked again with what its reader accepts, the gate answers with the page
		_, _ = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		for _, name := range forPage {
			copyHeader(question.Header, request.Header, name)
		}
		answer, err = m.pages.RoundTrip(question)
	}
	switch {
	case err != nil:
		m.failOpen(writer, request, err.Error())
	case answer.StatusCode >= http.StatusInternalServerError:
		answer.Body.Close()
		m.failOpen(writer, request, "the gate answered "+answer.Status)
	case answer.StatusCode == http.StatusOK:
		answer.Body.Close()
		m.letIn(writer, request, answer.Header)
	default:
		refuse(writer, request, answer)
	}
}

func (m *middleware) question(request *http.Request) *http.Request {
	header := http.Header{
		"X-Forwarded-Method": []string{request.Method},
		"X-Forwarded-Uri":    []string{request.URL.RequestURI()},
		"X-Forwarded-Host":   []string{request.Host},
	}
	for _, name := range m.told {
		copyHeader(header, request.Header, name)
	}
	if m.secret != "" {
		header["X-Gatekeeper-Edge"] = []string{m.secret}
	}
	return &http.Request{Method: http.MethodGet, URL: m.gate, Header: header}
}

// copyHeader copies all values of a header. One that is not there is not there then: to the gate that is not the same as empty.
func copyHeader(to http.Header, from http.Header, name string) {
	if values, found := from[name]; found {
		to[name] = values
	}
}

// letIn gives the application the account that was judged: nothing, where nobody was.
func (m *middleware) letIn(writer http.ResponseWriter, request *http.Request, said http.Header) {
	for _, name := range m.identity {
		overwrite(request.Header, said, name)
	}
	for _, name := range ours {
		overwrite(request.Header, said, name)
	}
	m.pass(writer, request)
}

func overwrite(to http.Header, from http.Header, name string) {
	if values := from[name]; len(values) == 1 && values[0] != "" {
		to[name] = values
	} else {
		delete(to, name)
	}
}

// failOpen lets in without a decision: the gate's users have paid, nearly all of them. The line on stderr is there to be
// counted: a plugin has neither metrics nor a place in the access log.
func (m *middleware) failOpen(writer http.ResponseWriter, request *http.Request, why string) {
	os.Stderr.WriteString("gatekeeper: let in without a decision: " + why + "\n")
	for _, name := range m.identity {
		if values := request.Header[name]; len(values) != 1 || values[0] == "-" {
			delete(request.Header, name)
		}
	}
	for _, name := range ours {
		delete(request.Header, name)
	}
	writer.Header()[mark] = []string{"fail-open"}
	m.pass(writer, request)
}

func (m *middleware) pass(writer http.ResponseWriter, request *http.Request) {
	for _, name := range neverPassed {
		delete(request.Header, name)
	}
	m.next.ServeHTTP(writer, request)
}

// refuse gives the gate's answer to the client, whole.
func refuse(writer http.ResponseWriter, request *http.Request, answer *http.Response) {
	defer answer.Body.Close()
	for name, values := range answer.Header {
		if name != "Connection" {
			writer.Header()[name] = values
		}
	}
	writer.WriteHeader(answer.StatusCode)
	if request.Method != http.MethodHead {
		_, _ = io.Copy(writer, answer.Body)
	}
}
