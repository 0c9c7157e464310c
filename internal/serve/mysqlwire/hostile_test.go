package mysqlwire

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Whatever bytes come, the server answers others.
func TestHostileHandshakes(t *testing.T) {
	s := startServer(t, Options{HandshakeTimeout: time.Second})
	for name, b := range map[string][]byte{
		"http":               []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"empty packet":       packet(1, nil),
		"old protocol":       packet(1, []byte{1, 2, 3}),
		"cut reply":          packet(1, handshakeOf(rawCaps, "root", "", nil)[:33]),
		"proof out of range": packet(1, append(handshakeOf(rawCaps, "root", "", nil)[:37], 250)),
		"lenenc of 2^64":     packet(1, append(handshakeOf(rawCaps|capAuthLenenc, "root", "", nil)[:37], 0xfe, 255, 255, 255, 255, 255, 255, 255, 255)),
		"TLS without TLS":    packet(1, handshakeOf(rawCaps|capSSL, "", "", nil)[:32]),
		"16 MiB reply":       append([]byte{0xff, 0xff, 0xff, 1}, bytes.Repeat([]byte{1}, 100)...),
	} {
		c := dialRaw(t, s)
		c.receive()
		_, err := c.nc.Write(b)
		require.NoError(t, err)
		reply, err := c.tryReceive()
		if err == nil {
			require.NotZero(t, errorCode(reply), name)
		}
	}
	require.NoError(t, s.connect(t, "root", "").PingContext(context.Background()))
}

func TestHostileCommands(t *testing.T) {
	s := startServer(t, Options{})
	c := dialRaw(t, s)
	c.login("root", "")
	for name, tc := range map[string]struct {
		payload string
		code    uint16
	}{
		"empty":                     {"", CodeMalformedPacket},
		"unknown command":           {"\x99", CodeUnknownCommand},
		"binlog dump":               {"\x12\x00\x00\x00\x00", CodeUnknownCommand},
		"execute without id":        {"\x17\x01", CodeMalformedPacket},
		"execute of nothing":        {"\x17\x09\x00\x00\x00\x00\x01\x00\x00\x00", CodeUnknownStatement},
		"reset of nothing":          {"\x1a\x09\x00\x00\x00", CodeUnknownStatement},
		"set option":                {"\x1b\x07\x00", CodeMalformedPacket},
		"kill cut off":              {"\x0c\x01", CodeMalformedPacket},
		"unknown database":          {"\x02missing", CodeUnknownDatabase},
		"cursor fetch":              {"\x1c\x01\x00\x00\x00\x01\x00\x00\x00", CodeUnknownCommand},
		"empty query":               {"\x03", CodeEmptyQuery},
		"query that is not UTF-8":   {"\x03\xff\xfe", CodeSyntax},
		"fields of a missing table": {"\x04fail`\x00%", 0},
	} {
		c.send(0, []byte(tc.payload))
		reply := c.receive()
		if tc.code != 0 {
			require.Equal(t, tc.code, errorCode(reply), "%s: %q", name, reply)
		}
	}
	// No reply to these: the ping's OK comes next.
	for _, silent := range []string{"\x18\x01\x00\x00\x00\x00\x00data", "\x18", "\x19\x01\x00\x00\x00", "\x19\x01"} {
		c.send(0, []byte(silent))
	}
	require.Equal(t, byte(0), c.command(comPing, "")[0])
	c.send(0, []byte{comQuit})
	_, err := c.tryReceive()
	require.ErrorIs(t, err, io.EOF)
}

func TestLongDataErrorsComeWithExecute(t *testing.T) {
	s := startServer(t, Options{MaxPacket: 1 << 20, MaxMemory: 2 << 20})
	c := dialRaw(t, s)
	c.login("root", "")
	prepare := func() string {
		reply := c.command(comStmtPrepare, "select echo ?")
		require.Equal(t, byte(0), reply[0])
		for range 4 { // parameter, EOF, column, EOF
			c.receive()
		}
		return string(reply[1:5])
	}
	execute := func(id string) []byte {
		return c.command(comStmtExecute, id+"\x00\x01\x00\x00\x00"+"\x00\x01\xfc\x00")
	}
	id := prepare()
	c.send(0, []byte("\x18"+id+"\x05\x00x"))
	require.Equal(t, CodeWrongParameters, errorCode(execute(id)))
	piece := "\x18" + id + "\x00\x00" + strings.Repeat("x", 700<<10)
	for range 4 {
		c.send(0, []byte(piece))
	}
	require.Equal(t, CodeOutOfResources, errorCode(execute(id)))
	c.send(0, []byte("\x18"+id+"\x00\x00ok"))
	require.Equal(t, []byte{1}, execute(id), "the statement can be used again")
	for range 4 {
		c.receive()
	}
	require.Equal(t, byte(0), c.command(comPing, "")[0])
}

func TestPacketLimits(t *testing.T) {
	s := startServer(t, Options{MaxPacket: 20 << 20})
	c := dialRaw(t, s)
	c.login("root", "")
	// 17 MiB in two chunks, the second one ends it.
	sql := "\x03fail syntax " + strings.Repeat(" ", 17<<20)
	c.send(0, []byte(sql[:maxChunk]))
	c.send(1, []byte(sql[maxChunk:]))
	require.Equal(t, CodeSyntax, errorCode(c.receive()))
	// Chunks of a packet must be numbered one after another.
	c.send(0, []byte(sql[:maxChunk]))
	c.send(7, []byte(sql[maxChunk:]))
	require.Equal(t, CodePacketsOutOfOrder, errorCode(c.receive()))

	c = dialRaw(t, s)
	c.login("root", "")
	c.send(0, []byte(sql[:maxChunk]))
	_, err := c.nc.Write([]byte{0xff, 0xff, 0xff, 1})
	require.NoError(t, err)
	require.Equal(t, CodePacketTooLarge, errorCode(c.receive()))
	_, err = c.tryReceive()
	require.Error(t, err, "the connection cannot go on")
}

// What a client announces costs nothing before it comes.
func TestAnnouncedBytesCostNothing(t *testing.T) {
	s := startServer(t, Options{})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 50 {
		c := dialRaw(t, s)
		c.login("root", "")
		_, err := c.nc.Write([]byte{0, 0, 0x70, 0, comQuery}) // 7 MiB are to come
		require.NoError(t, err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(40<<20))
}

// The bytes of unfinished commands count for all clients together, and clients
// that do not finish are dropped.
func TestMemoryOfCommandsIsBounded(t *testing.T) {
	s := startServer(t, Options{MaxPacket: 250 << 10, MaxMemory: 400 << 10, ReadTimeout: 300 * time.Millisecond})
	first, second := dialRaw(t, s), dialRaw(t, s)
	first.login("root", "")
	second.login("root", "")
	unfinished := append([]byte{0, 0xe0, 0x03, 0, comQuery}, make([]byte, 240<<10)...) // of 248 KiB
	_, err := first.nc.Write(unfinished)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return s.budget.used.Load() >= 240<<10 }, 5*time.Second, time.Millisecond)
	_, err = second.nc.Write(unfinished)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(s.errs) > 0 }, 5*time.Second, time.Millisecond)
	require.ErrorContains(t, <-s.errs, "hold more than 409600 bytes")
	_, err = io.Copy(io.Discard, first.nc)
	var timeout net.Error
	require.False(t, errors.As(err, &timeout) && timeout.Timeout(), "the server waits for ever")
	require.Eventually(t, func() bool { return s.budget.used.Load() == 0 }, 5*time.Second, time.Millisecond)
}

// Rows longer than a packet go in several, and end with an empty one when
// their length is a multiple of the largest.
func TestLargeRows(t *testing.T) {
	s := startServer(t, Options{})
	conn := s.connect(t, "root", "?maxAllowedPacket=0")
	for _, n := range []string{"70000", "16777210", "16777211", "16777212", "16777215", "40000000"} {
		_, rows := table2(t, conn, "select blob "+n)
		require.Len(t, rows, 1)
		require.Equal(t, n, intCell(len(rows[0][0])).text)
		require.Empty(t, strings.Trim(rows[0][0], "x"))
	}
	_, rows := table2(t, conn, "select numbers 3")
	require.Len(t, rows, 3)
}

// A connection carries commands that were sent without waiting for replies.
func TestPipelinedCommands(t *testing.T) {
	s := startServer(t, Options{})
	c := dialRaw(t, s)
	c.login("root", "")
	var all []byte
	for range 100 {
		all = append(all, packet(0, []byte{comPing})...)
	}
	_, err := c.nc.Write(all)
	require.NoError(t, err)
	for range 100 {
		require.Equal(t, byte(0), c.receive()[0])
	}
}

// Random bytes after a login neither stop the server nor leave anything.
func FuzzCommands(f *testing.F) {
	for _, seed := range []string{
		"\x03select numbers 3", "\x16select echo ?", "\x17\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x01\xfd\x00\x03abc",
		"\x18\x01\x00\x00\x00\x00\x00abc", "\x11root\x00\x00db\x00", "\x04types\x00", "\x1f", "\x03set autocommit=0; show variables like '%'",
	} {
		f.Add([]byte(seed), []byte("\x17\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x01\x03\x00\x09"))
	}
	s := startServer(f, Options{MaxPacket: 1 << 20, ReadTimeout: time.Second, QueryTimeout: 20 * time.Millisecond})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		if len(first) > 1<<16 || len(second) > 1<<16 || bytes.Contains(first, []byte("panic")) || bytes.Contains(second, []byte("panic")) {
			return
		}
		c := dialRaw(t, s)
		defer c.nc.Close()
		c.login("root", "")
		all := packet(0, append([]byte{comStmtPrepare}, "select echo ?"...))
		for _, payload := range [][]byte{first, second, {comQuit}} {
			all = append(all, packet(0, payload)...)
		}
		_, _ = c.nc.Write(all) // fails when the first command was a good-bye
		var timeout net.Error
		if _, err := io.Copy(io.Discard, c.nc); errors.As(err, &timeout) && timeout.Timeout() {
			t.Fatalf("no end after %q, %q", first, second)
		}
		select {
		case err := <-s.errs:
			if strings.Contains(err.Error(), "panic") {
				t.Fatal(err)
			}
		default:
		}
	})
}

func FuzzHandshakeReply(f *testing.F) {
	f.Add(handshakeOf(rawCaps, "root", pluginNative, []byte("proof")))
	f.Add(binary.LittleEndian.AppendUint32(nil, ^uint32(0)))
	f.Fuzz(func(t *testing.T, payload []byte) {
		reply, err := parseHandshakeReply(payload)
		if err == nil && len(reply.user)+len(reply.proof)+len(reply.database) > len(payload) {
			t.Fatal("more came out than went in")
		}
		_, _ = parseChangeUser(payload, rawCaps)
	})
}
