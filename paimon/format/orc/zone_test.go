package orc

import (
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/format/formattest"
)

// TestZone reads files that Paimon 1.4.2 wrote in a JVM with
// -Duser.timezone=America/New_York, with both values of
// orc.timestamp-ltz.legacy.type. The columns are (id INT, ts TIMESTAMP(9),
// ltz TIMESTAMP_LTZ(9)); ts and ltz have the same digits.
func TestZone(t *testing.T) {
	want := []string{"1970-01-01T00:00:00", "2021-07-04T12:34:56.123456789", "2021-01-04T12:34:56.5", "1965-06-01T00:00:00.000000001",
		"1965-06-01T23:59:59.999999999", "1969-12-31T23:59:58.25", "2015-01-01T00:00:00", "2037-08-01T01:02:03.004",
		"2024-03-10T01:30:00.1", "2024-11-03T01:30:00.1", "1969-12-31T12:00:00.000999999", "1945-08-15T00:00:00.7"}
	fields := columns(t, "id INT, ts TIMESTAMP(9), ltz TIMESTAMP(9) WITH LOCAL TIME ZONE")
	for name, params := range map[string]map[string]string{
		"zone_legacy":  nil,
		"zone_instant": {"orc.timestamp-ltz.legacy.type": "false"},
	} {
		b := formattest.Read(t, New(), golden(t, name+".orc"), format.ReadOptions{Path: name, Fields: fields, FileFields: fields, Params: params})
		for i, text := range want {
			at, err := time.Parse("2006-01-02T15:04:05.999999999", text)
			require.NoError(t, err)
			for col := 1; col <= 2; col++ {
				require.Equal(t, at, time.Unix(0, int64(b.Column(col).(*array.Timestamp).Value(i))).UTC(), "%s column %d row %d", name, col, i)
			}
		}
		b.Release()
	}
}

func TestZoneByID(t *testing.T) {
	for id, seconds := range map[string]int{"": 0, "UTC": 0, "GMT+08:00": 8 * 3600, "GMT-3": -3 * 3600, "Asia/Kolkata": 19800} {
		loc, err := zoneByID(id)
		require.NoError(t, err)
		_, off := time.Unix(1_600_000_000, 0).In(loc).Zone()
		require.Equal(t, seconds, off, id)
	}
	for _, id := range []string{"Mars/Base", "Local", "GMT+99", "../etc/passwd"} {
		_, err := zoneByID(id)
		require.ErrorIs(t, err, errs.ErrUnsupported, id)
	}
}
