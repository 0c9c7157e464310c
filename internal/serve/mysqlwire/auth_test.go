package mysqlwire

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sha2Proof is what a client answers to caching_sha2_password.
func sha2Proof(password string, salt []byte) []byte {
	first := sha256.Sum256([]byte(password))
	second := sha256.Sum256(first[:])
	mask := sha256.Sum256(append(second[:], salt...))
	subtle.XORBytes(mask[:], mask[:], first[:])
	return mask[:]
}

// MySQL 9's command-line client knows caching_sha2_password only: it sends no
// proof first, and answers the switch.
func TestCachingSHA2(t *testing.T) {
	s := startServer(t, Options{Users: map[string]string{"ann": "secret", "hashed": "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"}})
	for _, tc := range []struct {
		user, password, plugin string
		ok                     bool
	}{
		{"ann", "secret", pluginSHA2, true}, {"ann", "wrong", pluginSHA2, false}, {"nobody", "secret", pluginSHA2, false},
		{"hashed", "password", pluginNative, false},
	} {
		c := dialRaw(t, s)
		c.receive()
		c.send(1, handshakeOf(rawCaps, tc.user, pluginSHA2, nil))
		ask := c.receive()
		require.Equal(t, byte(0xfe), ask[0], tc.user)
		plugin, salt := string(ask[1:1+len(tc.plugin)]), ask[len(tc.plugin)+2:len(ask)-1]
		require.Equal(t, tc.plugin, plugin, tc.user)
		require.Len(t, salt, saltLen)
		c.send(c.seq, sha2Proof(tc.password, salt))
		reply := c.receive()
		if !tc.ok {
			require.Equal(t, CodeAccessDenied, errorCode(reply))
			continue
		}
		require.Equal(t, []byte{1, 3}, reply, "fast authentication")
		require.Equal(t, byte(0), c.receive()[0])
		require.Equal(t, byte(0), c.command(comPing, "")[0])
	}
}

func TestTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	s := startServer(t, Options{
		Users: map[string]string{"ann": "secret"},
		TLS:   &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: key}}},
	})
	conn := s.connect(t, "ann:secret", "?tls=skip-verify")
	_, rows := table2(t, conn, "SHOW STATUS LIKE 'ssl_cipher'")
	require.Contains(t, rows[0][1], "TLS_")
	_, rows = table2(t, conn, "select numbers 20000")
	require.Len(t, rows, 20000)
	// Cancelling over TLS leaves the connection whole.
	_, err = conn.ExecContext(context.Background(), "SET max_execution_time = 20")
	require.NoError(t, err)
	_, err = conn.ExecContext(context.Background(), "wait")
	require.Equal(t, CodeQueryTimeout, codeOf(err))
	require.NoError(t, conn.PingContext(context.Background()))
	// Without TLS, too.
	require.NoError(t, s.connect(t, "ann:secret", "").PingContext(context.Background()))
	// Plain bytes behind the request do not pass as protected ones.
	c := dialRaw(t, s)
	c.receive()
	_, err = c.nc.Write(append(packet(1, handshakeOf(rawCaps|capSSL, "", "", nil)[:32]), packet(2, handshakeOf(rawCaps, "ann", "", nil))...))
	require.NoError(t, err)
	rest, err := io.ReadAll(c.nc)
	require.NotContains(t, string(rest), "ann", "an answer to what was sent in the open")
	require.ErrorContains(t, <-s.errs, "TLS handshake")
}

func TestChangeUserAndReset(t *testing.T) {
	s := startServer(t, Options{Users: map[string]string{"root": "", "bob": ""}})
	c := dialRaw(t, s)
	c.login("root", "")
	user := func() string {
		c.command(comQuery, "SELECT USER(), DATABASE(), @@autocommit")
		for range 4 {
			c.receive()
		}
		row := string(c.receive())
		c.receive()
		return row
	}
	require.Equal(t, byte(0), c.command(comQuery, "SET autocommit = 0")[0])
	require.Equal(t, byte(0), c.command(comInitDB, "dwd")[0])
	require.Equal(t, "\x0eroot@127.0.0.1\x03dwd\x010", user())
	require.Equal(t, byte(0), c.command(comResetConnection, "")[0])
	require.Equal(t, "\x0eroot@127.0.0.1\x03dwd\x011", user())

	require.Equal(t, byte(0xfe), c.command(comChangeUser, "bob\x00\x00ods\x00\x2d\x00"+pluginNative+"\x00")[0])
	c.send(c.seq, nil)
	require.Equal(t, byte(0), c.receive()[0])
	require.Equal(t, "\x0dbob@127.0.0.1\x03ods\x011", user())

	require.Equal(t, byte(0xfe), c.command(comChangeUser, "eve\x00\x00ods\x00\x2d\x00"+pluginNative+"\x00")[0])
	c.send(c.seq, nil)
	require.Equal(t, CodeAccessDenied, errorCode(c.receive()))
	_, err := c.tryReceive()
	require.Error(t, err)
}
