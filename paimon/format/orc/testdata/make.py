"""Makes the golden files of this folder with Apache ORC's C++ writer.

    pip install pyarrow==26.0.1 && python make.py

Each NAME.orc has a NAME.parquet with the same rows: what a test must read.
"""
import datetime
import decimal
import random

import pyarrow as pa
import pyarrow.orc as orc
import pyarrow.parquet as pq

rnd = random.Random(7)


def nulls(vals, share=0.2):
    return [None if rnd.random() < share else v for v in vals]


def write(name, cols, **options):
    table = pa.table(cols)
    orc.write_table(table, name + ".orc", **options)
    pq.write_table(table, name + ".parquet", compression="zstd", coerce_timestamps=None)


def walk(n, up):
    out, v = [], 1000
    for _ in range(n):
        v += rnd.randrange(0, 90) * (1 if up else -1)
        out.append(v)
    return out


def ints(n):
    """Columns for every way to encode integers."""
    return {
        "same": pa.array([7] * n, pa.int64()),
        "steps": pa.array([5 - 3 * i for i in range(n)], pa.int64()),
        "up": pa.array(walk(n, True), pa.int64()),
        "down": pa.array(walk(n, False), pa.int64()),
        "short": pa.array([rnd.randrange(-4, 4) for i in range(n // 4) for _ in range(4)][:n], pa.int64()),
        "narrow": pa.array([rnd.randrange(0, 1 << 13) for _ in range(n)], pa.int64()),
        "outliers": pa.array([rnd.randrange(0, 100) + (1 << rnd.randrange(30, 50) if rnd.random() < 0.02 else 0) for _ in range(n)], pa.int64()),
        "negative": pa.array([-5000 + rnd.randrange(0, 100) + (1 << 40 if rnd.random() < 0.02 else 0) for _ in range(n)], pa.int64()),
        "wide": pa.array([rnd.randrange(-(1 << 63), 1 << 63) if i % 9 == 0 else i for i in range(n)], pa.int64()),
        "nulls": pa.array(nulls([rnd.randrange(-99, 99) for _ in range(n)]), pa.int64()),
        "i32": pa.array(nulls([rnd.randrange(-(1 << 31), 1 << 31) for _ in range(n)], 0.6), pa.int32()),
        "i16": pa.array([(i % 700) - 300 for i in range(n)], pa.int16()),
        "i8": pa.array(nulls([(i // 9 * 5) % 256 - 128 for i in range(n)]), pa.int8()),
    }


def widths():
    """Runs of every width of bits."""
    vals = []
    for bits in range(1, 64):
        vals += [rnd.randrange(-(1 << bits - 1), 1 << bits - 1) for _ in range(40)]
    return {"v": pa.array(vals, pa.int64())}


def scalars(n):
    word = ["", "a", "bb", "été", "a long word that does not fit a machine word, nor two", " spaces  "]
    dec = lambda p, s: [decimal.Decimal(rnd.randrange(-(10**p) + 1, 10**p)).scaleb(-s, decimal.Context(prec=40)) for _ in range(n)]
    day = datetime.date(1970, 1, 1)
    return {
        "b": pa.array([rnd.random() < 0.5 for _ in range(n)], pa.bool_()),
        "b_null": pa.array(nulls([i % 7 == 0 for i in range(n)]), pa.bool_()),
        "f": pa.array(nulls([rnd.choice([0.5, -0.0, float("inf"), float("nan"), i]) for i in range(n)]), pa.float32()),
        "d": pa.array([rnd.gauss(0, 1e9) for _ in range(n)], pa.float64()),
        "few": pa.array(nulls([rnd.choice(word) for _ in range(n)]), pa.string()),
        "many": pa.array(["%x" % rnd.getrandbits(4 * (i % 20 + 1)) for i in range(n)], pa.string()),
        "bin": pa.array(nulls([rnd.randbytes(i % 5) for i in range(n)]), pa.binary()),
        "d9": pa.array(nulls(dec(9, 2)), pa.decimal128(9, 2)),
        "d38": pa.array(dec(38, 10), pa.decimal128(38, 10)),
        "date": pa.array(nulls([day + datetime.timedelta(rnd.randrange(-700000, 900000)) for _ in range(n)]), pa.date32()),
        "ts": pa.array(nulls([rnd.randrange(-(1 << 61), 1 << 61) // 10 ** (i % 10) * 10 ** (i % 10) for i in range(n)]), pa.timestamp("ns")),
        "empty": pa.array([None] * n, pa.string()),
    }


def nested(n):
    elem = lambda i: None if i % 5 == 0 else [None if rnd.random() < 0.2 else rnd.randrange(99) for _ in range(i % 4)]
    row = lambda i: None if i % 6 == 1 else {"x": None if i % 4 == 0 else i, "y": {"s": "v%d" % (i % 8)} if i % 3 else None}
    pairs = lambda i: None if i % 7 == 3 else [("k%d" % j, None if (i + j) % 5 == 0 else i * j) for j in range(i % 4)]
    inner = pa.struct([("x", pa.int64()), ("y", pa.struct([("s", pa.string())]))])
    return {
        "id": pa.array(range(n), pa.int32()),
        "list": pa.array([elem(i) for i in range(n)], pa.list_(pa.int64())),
        "row": pa.array([row(i) for i in range(n)], inner),
        "map": pa.array([pairs(i) for i in range(n)], pa.map_(pa.string(), pa.int64())),
        "rows": pa.array([None if i % 9 == 0 else [row(i + j) for j in range(i % 3)] for i in range(n)], pa.list_(inner)),
        "lists": pa.array([[elem(i + j) for j in range(i % 3)] for i in range(n)], pa.list_(pa.list_(pa.int64()))),
    }


# Small stripes come of small batches without compression only.
small = dict(compression="uncompressed", stripe_size=1)
write("ints", ints(3000), batch_size=1000, **small)
write("ints_v1", ints(1500), compression="zlib", file_version="0.11")
write("widths", widths(), compression="zstd")
write("scalars", scalars(700), compression="zstd", compression_block_size=1 << 16)
write("scalars_v1", scalars(400), compression="snappy", file_version="0.11", dictionary_key_size_threshold=1.0)
write("scalars_dict", scalars(400), compression="lz4", dictionary_key_size_threshold=1.0)
write("scalars_stripes", scalars(400), batch_size=100, dictionary_key_size_threshold=1.0, **small)
write("nested", nested(600), batch_size=100, **small)
