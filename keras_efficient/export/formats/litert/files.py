"""LiteRT's files: a network, and beside it what other programs read."""

import numpy as np

FILE_IDENTIFIER = b"TFL3"


def unpack(content):
    """The parts of a file.

    Args:
        content: Bytes.

    Returns:
        A `ModelT` of `ai_edge_litert.schema_py_generated`.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content)
    for buffer in model.buffers:
        # Some tools write them behind the rest.
        if buffer.data is None and buffer.size:
            end = buffer.offset + buffer.size
            buffer.data = np.frombuffer(content[buffer.offset : end], "uint8")
            buffer.offset = buffer.size = 0
    return model


def pack(model):
    """The inverse of `unpack`.

    Args:
        model: A `ModelT`.

    Returns:
        Bytes.
    """
    import flatbuffers

    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), file_identifier=FILE_IDENTIFIER)
    return bytes(builder.Output())


def add_metadata(model, key, content):
    """Puts bytes where the format leaves room for others.

    Args:
        model: A `ModelT`; it is changed.
        key: Bytes, their name.
        content: Bytes.

    Returns:
        Nothing.
    """
    from ai_edge_litert import schema_py_generated as schema

    buffer = schema.BufferT()
    buffer.data = np.frombuffer(content, "uint8")
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = key, len(model.buffers) - 1
    model.metadata = [*(model.metadata or ()), entry]


def find_metadata(model, key):
    """What `add_metadata` has put there.

    Args:
        model: A `ModelT`.
        key: Bytes.

    Returns:
        Bytes.

    Raises:
        KeyError: If there is nothing of that name.
    """
    numbers = {entry.name: entry.buffer for entry in model.metadata or ()}
    return bytes(model.buffers[numbers[key]].data)
