package mysqlwire

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// rawClient speaks the protocol packet by packet, to do what drivers do not.
type rawClient struct {
	t   testing.TB
	nc  net.Conn
	seq byte
}

func dialRaw(t testing.TB, s *testServer) *rawClient {
	t.Helper()
	nc, err := net.Dial("tcp", s.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { nc.Close() })
	require.NoError(t, nc.SetDeadline(time.Now().Add(30*time.Second)))
	return &rawClient{t: t, nc: nc}
}

func packet(seq byte, payload []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(payload))|uint32(seq)<<24)
	return append(b, payload...)
}

func (c *rawClient) send(seq byte, payload []byte) {
	c.t.Helper()
	_, err := c.nc.Write(packet(seq, payload))
	require.NoError(c.t, err)
}

func (c *rawClient) receive() []byte {
	c.t.Helper()
	payload, err := c.tryReceive()
	require.NoError(c.t, err)
	return payload
}

func (c *rawClient) tryReceive() ([]byte, error) {
	var h [4]byte
	if _, err := io.ReadFull(c.nc, h[:]); err != nil {
		return nil, err
	}
	payload := make([]byte, binary.LittleEndian.Uint32(h[:])&0xffffff)
	c.seq = h[3] + 1
	_, err := io.ReadFull(c.nc, payload)
	return payload, err
}

const rawCaps = capProtocol41 | capSecureConnection | capPluginAuth | capMultiStatements

func handshakeOf(caps uint32, user, plugin string, proof []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, caps)
	b = binary.LittleEndian.AppendUint32(b, 1<<24)
	b = append(b, charsetUTF8MB4)
	b = append(b, make([]byte, 23)...)
	b = append(append(b, user...), 0)
	b = append(append(b, byte(len(proof))), proof...)
	return append(append(b, plugin...), 0)
}

// login goes through the handshake of a user without a password.
func (c *rawClient) login(user, plugin string) {
	c.t.Helper()
	if plugin == "" {
		plugin = pluginNative
	}
	c.receive()
	c.send(1, handshakeOf(rawCaps, user, plugin, nil))
	reply := c.receive()
	if len(reply) > 0 && reply[0] == 0xfe {
		c.send(c.seq, nil)
		reply = c.receive()
	}
	require.Equal(c.t, byte(0), reply[0], "%q", reply)
}

// command sends one and returns the first packet of the reply.
func (c *rawClient) command(name byte, body string) []byte {
	c.t.Helper()
	c.send(0, append([]byte{name}, body...))
	return c.receive()
}

// errorCode is the code of an ERR packet, or 0.
func errorCode(payload []byte) uint16 {
	if len(payload) < 3 || payload[0] != 0xff {
		return 0
	}
	return binary.LittleEndian.Uint16(payload[1:])
}
