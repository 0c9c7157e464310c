package mysqlwire

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"net"
	"time"
)

// Capability flags of the protocol; those not named here are not offered.
const (
	capLongPassword     uint32 = 1 << 0
	capFoundRows        uint32 = 1 << 1
	capLongFlag         uint32 = 1 << 2
	capConnectWithDB    uint32 = 1 << 3
	capODBC             uint32 = 1 << 6
	capIgnoreSpace      uint32 = 1 << 8
	capProtocol41       uint32 = 1 << 9
	capInteractive      uint32 = 1 << 10
	capSSL              uint32 = 1 << 11
	capTransactions     uint32 = 1 << 13
	capSecureConnection uint32 = 1 << 15
	capMultiStatements  uint32 = 1 << 16
	capMultiResults     uint32 = 1 << 17
	capPSMultiResults   uint32 = 1 << 18
	capPluginAuth       uint32 = 1 << 19
	capConnectAttrs     uint32 = 1 << 20
	capAuthLenenc       uint32 = 1 << 21
)

// serverCaps does not offer DEPRECATE_EOF, so that results have one form only.
const serverCaps = capLongPassword | capFoundRows | capLongFlag | capConnectWithDB | capODBC |
	capIgnoreSpace | capProtocol41 | capInteractive | capTransactions | capSecureConnection |
	capMultiStatements | capMultiResults | capPSMultiResults | capPluginAuth | capConnectAttrs | capAuthLenenc

const (
	charsetUTF8MB4 = 45 // utf8mb4_general_ci
	charsetBinary  = 63
)

// handshakeReply is what a client answers to the greeting.
type handshakeReply struct {
	caps     uint32
	user     string
	proof    []byte
	database string
	plugin   string
}

// handshake greets the client, raises TLS when it asks, authenticates it and
// opens its session. Errors that are not *connError were not yet sent.
func (c *conn) handshake() error {
	if err := c.nc.SetDeadline(time.Now().Add(c.srv.opts.HandshakeTimeout)); err != nil {
		return &connError{err}
	}
	if err := c.sendGreeting(); err != nil {
		return err
	}
	payload, err := c.readDirect()
	if err != nil {
		return err
	}
	if isTLSRequest(payload) {
		if payload, err = c.raiseTLS(); err != nil {
			return err
		}
	}
	reply, err := parseHandshakeReply(payload)
	if err != nil {
		return err
	}
	c.caps = reply.caps & (serverCaps | capSSL)
	if err := c.authenticate(reply, false); err != nil {
		return err
	}
	return c.openSession(reply.user, reply.database)
}

// readDirect reads a packet while no reader goroutine runs.
func (c *conn) readDirect() ([]byte, error) {
	n, err := c.r.header()
	if err != nil {
		return nil, &connError{err}
	}
	payload, err := c.r.payload(n)
	c.w.seq = c.r.seq
	return payload, err
}

func (c *conn) sendGreeting() error {
	caps := serverCaps
	if c.srv.opts.TLS != nil {
		caps |= capSSL
	}
	c.w.begin()
	b := append(c.w.out, 10)
	b = append(b, c.srv.opts.ServerVersion...)
	b = append(b, 0)
	b = binary.LittleEndian.AppendUint32(b, c.id)
	b = append(b, c.salt[:8]...)
	b = append(b, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(caps))
	b = append(b, charsetUTF8MB4)
	b = binary.LittleEndian.AppendUint16(b, statusAutocommit)
	b = binary.LittleEndian.AppendUint16(b, uint16(caps>>16))
	b = append(b, saltLen+1)
	b = append(b, make([]byte, 10)...)
	b = append(b, c.salt[8:]...)
	b = append(b, 0)
	b = append(b, pluginNative...)
	c.w.out = append(b, 0)
	if err := c.w.end(); err != nil {
		return err
	}
	return c.w.flush()
}

// isTLSRequest tells a client's wish for TLS, the first 32 bytes of a reply.
func isTLSRequest(payload []byte) bool {
	return len(payload) == 32 && binary.LittleEndian.Uint32(payload)&capSSL != 0
}

func (c *conn) raiseTLS() ([]byte, error) {
	if c.srv.opts.TLS == nil {
		return nil, Errorf(CodeBadHandshake, "TLS is not configured on this server")
	}
	secure := tls.Server(bufferedConn{c.nc, c.r.r}, c.srv.opts.TLS)
	if err := secure.Handshake(); err != nil {
		return nil, &connError{err}
	}
	c.r.trim(0)
	c.setTransport(secure)
	return c.readDirect()
}

// bufferedConn reads what was buffered first: a client's TLS hello may have
// come together with its request.
type bufferedConn struct {
	net.Conn
	r *bufio.Reader
}

func (b bufferedConn) Read(p []byte) (int, error) { return b.r.Read(p) }

// parseHandshakeReply decodes HandshakeResponse41.
func parseHandshakeReply(payload []byte) (handshakeReply, error) {
	p := payloadReader{b: payload}
	reply := handshakeReply{caps: uint32(p.uint(4)), plugin: pluginNative}
	if p.bad || reply.caps&capProtocol41 == 0 {
		return reply, Errorf(CodeBadHandshake, "the client speaks a protocol older than MySQL 4.1")
	}
	p.take(4 + 1 + 23) // packet limit, character set, filler
	reply.user = p.nulString()
	switch {
	case reply.caps&capAuthLenenc != 0:
		reply.proof = p.lenenc()
	case reply.caps&capSecureConnection != 0:
		reply.proof = p.take(int(p.uint(1)))
	default:
		reply.proof = []byte(p.nulString())
	}
	if reply.caps&capConnectWithDB != 0 {
		reply.database = p.nulString()
	}
	if reply.caps&capPluginAuth != 0 {
		if plugin := p.nulString(); plugin != "" {
			reply.plugin = plugin
		}
	}
	if p.bad {
		return reply, Errorf(CodeBadHandshake, "malformed handshake response")
	}
	reply.proof = append([]byte(nil), reply.proof...) // the packet's buffer is used again
	return reply, nil
}

// parseChangeUser decodes COM_CHANGE_USER, without its command byte, of a
// client with caps.
func parseChangeUser(payload []byte, caps uint32) (handshakeReply, error) {
	p := payloadReader{b: payload}
	reply := handshakeReply{caps: caps, plugin: pluginNative}
	reply.user = p.nulString()
	reply.proof = append([]byte(nil), p.take(int(p.uint(1)))...)
	reply.database = p.nulString()
	if len(p.b) >= 2 {
		p.take(2) // character set
		if caps&capPluginAuth != 0 {
			if plugin := p.nulString(); plugin != "" {
				reply.plugin = plugin
			}
		}
	}
	if p.bad {
		return reply, Errorf(CodeMalformedPacket, "malformed COM_CHANGE_USER")
	}
	return reply, nil
}
