package broker

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/nats-io/nats.go"
)

// toCluster reads the files and checks the URLs, so that what is wrong with them
// is said before anything is tried.
func (l *link) toCluster(o Options) error {
	if err := l.useURL(o.URL); err != nil {
		return err
	}
	l.options = l.common(o)
	if o.Creds != "" {
		if err := checkCreds(o.Creds); err != nil {
			return err
		}
		l.options = append(l.options, nats.UserCredentials(o.Creds))
	}
	conf, err := tlsConfig(o)
	if err != nil {
		return err
	}
	if conf != nil {
		l.options = append(l.options, nats.Secure(conf))
	}
	return nil
}

func (l *link) useURL(list string) error {
	for i, text := range strings.Split(list, ",") {
		u, err := url.Parse(strings.TrimSpace(text))
		// The error shows the URL, which may have a password.
		if err != nil || u.Host == "" {
			return fmt.Errorf("URL %d of the broker is not like nats://host:4222", i+1)
		}
		switch u.Scheme {
		case "nats", "tls", "ws", "wss":
		default:
			return fmt.Errorf("URL %d of the broker (host %s): its scheme is not nats, tls, ws or wss", i+1, u.Host)
		}
		l.hide(u.User)
	}
	l.url = list
	return nil
}

func (l *link) hide(user *url.Userinfo) {
	password, ok := user.Password()
	if !ok {
		password = user.Username() // a token
	}
	if password != "" {
		escaped := strings.TrimPrefix(url.UserPassword("", password).String(), ":")
		l.secrets = append(l.secrets, password, escaped, url.QueryEscape(password))
	}
}

// scrub returns the error without secrets.
func (l *link) scrub(err error) error {
	text := err.Error()
	for _, s := range l.secrets {
		text = strings.ReplaceAll(text, s, "xxxxx")
	}
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}

// checkCreds reads the file as the connection will.
func checkCreds(file string) error {
	var o nats.Options
	if err := nats.UserCredentials(file)(&o); err != nil {
		return fmt.Errorf("credentials %s: %w", file, err)
	}
	if _, err := o.UserJWT(); err != nil {
		return fmt.Errorf("credentials %s: %w", file, err)
	}
	if _, err := o.SignatureCB([]byte("nonce")); err != nil {
		return fmt.Errorf("credentials %s: %w", file, err)
	}
	return nil
}

// tlsConfig returns nil if nothing of it is configured.
func tlsConfig(o Options) (*tls.Config, error) {
	if (o.Cert == "") != (o.Key == "") {
		return nil, errors.New("a client's certificate and its key are configured both or not at all")
	}
	if o.CA == "" && o.Cert == "" {
		return nil, nil
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CA != "" {
		pem, err := os.ReadFile(o.CA)
		if err != nil {
			return nil, err
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s has no certificate in PEM", o.CA)
		}
	}
	if o.Cert != "" {
		pair, err := tls.LoadX509KeyPair(o.Cert, o.Key)
		if err != nil {
			return nil, fmt.Errorf("certificate %s with key %s: %w", o.Cert, o.Key, err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}
