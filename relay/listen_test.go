package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// issue writes cert.pem and key.pem of a certificate that signs itself.
func issue(t testing.TB, dir, name string) (*x509.Certificate, tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cert.pem"), certPEM, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "key.pem"), keyPEM, 0o600))
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	require.NoError(t, err)
	return parsed, pair
}

func TestTLS(t *testing.T) {
	serverDir, producerDir := t.TempDir(), t.TempDir()
	server, _ := issue(t, serverDir, "relay")
	_, producer := issue(t, producerDir, "producer")
	cacheIn(t)
	s := serveWith(t, nil, "--tls-cert", serverDir+"/cert.pem", "--tls-key", serverDir+"/key.pem", "--tls-client-ca", producerDir+"/cert.pem").working()
	assert.Regexp(t, "^https://", s.url)
	roots := x509.NewCertPool()
	roots.AddCert(server)
	via := func(certificates ...tls.Certificate) *http.Client {
		return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certificates}, ForceAttemptHTTP2: true}}
	}
	client := s.client("any", altertable.WithHTTPClient(via(producer)))
	require.NoError(t, client.Track(t.Context(), altertable.Track{Event: "signed_up", DistinctID: person}))
	require.NoError(t, client.Close())
	s.out.wait(t, "signed_up 1")
	resp, err := via(producer).Get(s.url + "/track")
	require.NoError(t, err)
	assert.Equal(t, "HTTP/2.0", resp.Proto)
	_ = resp.Body.Close()
	_, err = via().Get(s.url + "/track")
	assert.Error(t, err, "without a certificate nobody gets in")
}

// TestCertificatesAreReplaced has virtual time, so that the files are looked at.
func TestCertificatesAreReplaced(t *testing.T) {
	dir := t.TempDir()
	issue(t, dir, "first")
	synctest.Test(t, func(t *testing.T) {
		f := &certificates{cert: dir + "/cert.pem", key: dir + "/key.pem", log: slog.New(slog.DiscardHandler)}
		require.NoError(t, f.read())
		name := func() string { return f.current().Certificates[0].Leaf.Subject.CommonName }
		assert.Equal(t, "first", name())
		require.NoError(t, os.WriteFile(dir+"/cert.pem", []byte("half of"), 0o600))
		time.Sleep(lookEvery)
		assert.Equal(t, "first", name(), "between two writes")
		issue(t, dir, "the second")
		assert.Equal(t, "first", name(), "files are looked at once a second")
		time.Sleep(lookEvery)
		assert.Equal(t, "the second", name())
		require.NoError(t, os.Remove(dir+"/key.pem"))
		time.Sleep(lookEvery)
		assert.Equal(t, "the second", name())
	})
}
