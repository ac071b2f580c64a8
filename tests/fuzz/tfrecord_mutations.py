"""Changes of TFRecord files that keep the checksums valid."""

import random
import struct

from tests.fuzz.values import odd_text

TABLE = []
for _i in range(256):
    _crc = _i
    for _ in range(8):
        _crc = (_crc >> 1) ^ (0x82F63B78 if _crc & 1 else 0)
    TABLE.append(_crc)


def _masked_crc(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def framed(record: bytes, length: int | None = None) -> bytes:
    """Return a record with its length and checksums.

    Args:
        record: The contents.
        length: The length that is stated. Defaults to that of `record`.
    """
    head = struct.pack("<Q", len(record) if length is None else length)
    return b"".join((
        head, struct.pack("<I", _masked_crc(head)),
        record, struct.pack("<I", _masked_crc(record)),
    ))  # fmt: skip


def _records(data: bytes) -> list[bytes]:
    found, start = [], 0
    while start + 12 <= len(data):
        (length,) = struct.unpack_from("<Q", data, start)
        found.append(data[start + 12 : start + 12 + length])
        start += 16 + length
    return found


def encode_example(features: dict[str, list[object]]) -> bytes:
    """Return a serialized `tf.train.Example`."""
    entries = b""
    for key, values in features.items():
        inner = b""
        first = values[0] if values else b""
        if isinstance(first, float):
            packed = b"".join(struct.pack("<f", x) for x in values)
            inner = _field(2, _field(1, packed))
        elif isinstance(first, int):
            packed = b"".join(_varint(x) for x in values)
            inner = _field(3, _field(1, packed))
        else:
            inner = _field(1, b"".join(_field(1, x) for x in values))
        entries += _field(1, _field(1, key.encode()) + _field(2, inner))
    return _field(1, entries)


def _varint(value: int) -> bytes:
    value &= 2**64 - 1
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def decode_features(record: bytes) -> dict[str, list[object]]:
    """Return the features of an example; TensorFlow is required."""
    import tensorflow as tf

    features = tf.train.Example.FromString(record).features.feature
    found = {}
    for key, feature in features.items():
        kind = feature.WhichOneof("kind")
        found[key] = [] if kind is None else list(getattr(feature, kind).value)
    return found


def mutate_tfrecord(data: bytes, rng: random.Random) -> bytes:
    """Change features of an example, its bytes or its stated length."""
    records = _records(data)
    place = rng.randrange(len(records))
    kind = rng.randrange(8)
    if kind == 0:
        length = rng.choice((0, 1, 2**20, 2**28, 2**32, 2**62, 2**64 - 1))
        parts = [framed(x) for x in records]
        parts[place] = framed(records[place], length)
        return b"".join(parts)
    if kind == 1:
        record = bytearray(records[place])
        for _ in range(3):
            record[rng.randrange(len(record))] = rng.randrange(256)
        records[place] = bytes(record)
    else:
        records[place] = encode_example(_changed(records[place], rng))
    return b"".join(map(framed, records))


def _changed(record: bytes, rng: random.Random) -> dict[str, list[object]]:
    features = decode_features(record)
    for _ in range(rng.choice((1, 1, 2))):
        key = rng.choice(sorted(features))
        text = odd_text(rng).encode("utf-8", "replace")
        features[key] = rng.choice((
            [], [b""], [text], [0.5], [float("nan")], [1e30], [0], [-1],
            [2**62], features[key] * 3, features[key][:-1], [1, 2, 3],
        ))  # fmt: skip
        if rng.random() < 0.2:
            del features[key]
        if not features:
            break
    return features
