"""Files with more than 8 bits for each channel, which PIL cannot write."""

import struct
import zlib

SHORT, LONG, FLOAT = 3, 4, 11
FORMATS = {SHORT: "H", LONG: "I", FLOAT: "f", 8: "h"}
COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


def png_bytes(image, significant_bits=None):
    """A PNG file of a uint16 array `(height, width, channels)`."""
    height, width, channels = image.shape
    color_type = COLOR_TYPES[channels]
    header = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in image)
    chunks = [(b"IHDR", header)]
    if significant_bits:
        chunks.append((b"sBIT", bytes([significant_bits] * channels)))
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data))
        + name
        + data
        + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def tiff_bytes(
    image, order="<", is_compressed=False, photometric=None, tags=(), planes=1
):
    """A TIFF file of an array `(height, width, channels)`.

    `tags` are triples `(tag, type, values)`.
    """
    height, width, channels = image.shape
    kind, size = image.dtype.kind, image.dtype.itemsize
    stored = image if planes == 1 else image.transpose(2, 0, 1)
    data = stored.astype(f"{order}{kind}{size}").tobytes()
    if is_compressed:
        data = zlib.compress(data)
    if photometric is None:
        photometric = {1: 1, 3: 2, 4: 5}[channels]
    offset = 8
    strips = planes == 2 and channels or 1
    each = len(data) // strips
    rows = [
        (256, LONG, [width]),
        (257, LONG, [height]),
        (258, SHORT, [8 * size] * channels),
        (259, SHORT, [8 if is_compressed else 1]),
        (262, SHORT, [photometric]),
        (273, LONG, [offset + i * each for i in range(strips)]),
        (277, SHORT, [channels]),
        (278, LONG, [height]),
        (279, LONG, [each] * strips),
        (284, SHORT, [planes]),
        (339, SHORT, [{"u": 1, "i": 2, "f": 3}[kind]] * channels),
        *tags,
    ]
    data += b"\0" * (len(data) % 2)
    first = offset + len(data)
    place = first + 2 + 12 * len(rows) + 4
    entries, values = b"", b""
    for tag, number, content in sorted(rows):
        text = struct.pack(f"{order}{len(content)}{FORMATS[number]}", *content)
        entries += struct.pack(f"{order}HHI", tag, number, len(content))
        if len(text) <= 4:
            entries += text.ljust(4, b"\0")
        else:
            entries += struct.pack(f"{order}I", place + len(values))
            values += text
    start = b"II*\0" if order == "<" else b"MM\0*"
    return (
        start
        + struct.pack(f"{order}I", first)
        + data
        + struct.pack(f"{order}H", len(rows))
        + entries
        + b"\0" * 4
        + values
    )


def ppm_bytes(image, highest):
    """A PPM or PGM file of an array `(height, width, channels)`."""
    height, width, channels = image.shape
    name = "P6" if channels == 3 else "P5"
    start = f"{name} {width} {height} {highest}\n"
    return start.encode() + image.astype(">u2").tobytes()
