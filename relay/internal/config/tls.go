package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// checkTLS reads the files once, so that a wrong one is told before anything
// listens.
func (c *Config) checkTLS(wrong *problems) {
	switch {
	case (c.TLSCert == "") != (c.TLSKey == ""):
		wrong.add(c.called(given(c, "tls-cert", "tls-key")), "needs the other one of tls-cert and tls-key")
	case c.TLSCert == "" && c.TLSClientCA != "":
		wrong.add(c.called("tls-client-ca"), "needs tls-cert and tls-key")
	case c.TLSCert != "":
		if _, err := ReadTLS(c.TLSCert, c.TLSKey, ""); err != nil {
			wrong.add(c.called("tls-cert"), err.Error())
		} else if _, err := ReadTLS(c.TLSCert, c.TLSKey, c.TLSClientCA); err != nil {
			wrong.add(c.called("tls-client-ca"), err.Error())
		}
	}
}

// ReadTLS reads the files of a server. Its error names a file.
func ReadTLS(cert, key, clientCA string) (*tls.Config, error) {
	certPEM, err := readAll(cert, maxFile)
	if err != nil {
		return nil, err
	}
	keyPEM, err := readAll(key, maxFile)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil { // its text has no part of the key
		return nil, fmt.Errorf("%s and its key %s: %w", shown(cert), shown(key), err)
	}
	t := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if clientCA == "" {
		return t, nil
	}
	ca, err := readAll(clientCA, maxFile)
	if err != nil {
		return nil, err
	}
	t.ClientCAs, t.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !t.ClientCAs.AppendCertsFromPEM(ca) {
		return nil, errors.New(shown(clientCA) + " has no certificate in PEM")
	}
	return t, nil
}
