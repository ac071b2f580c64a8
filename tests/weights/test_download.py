"""Tests for downloads from a local server."""

import contextlib
import dataclasses
import hashlib
import socket
import threading

import filelock
import numpy as np
import pytest

from keras_efficient import weights
from keras_efficient.weights import download
from keras_efficient.weights import manifest
from tests.marks import on_one_backend
from tests.weights import file_server

pytestmark = on_one_backend

HDF5 = b"\x89HDF\r\n\x1a\n"
CONTENT = HDF5 + np.random.default_rng(3).bytes(699_993)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server():
    with file_server.serving() as server:
        server.files["/weights.h5"] = CONTENT
        yield server


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv(download.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.delenv(download.MIRROR_VARIABLE, raising=False)
    for variable in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path / "cache"


def entry_at(*urls, file_hash=None, file_name="weights.h5"):
    return dataclasses.replace(
        manifest.entries()[0],
        file_name=file_name,
        urls=urls,
        hash={"sha256": SHA256} if file_hash is None else file_hash,
    )


def names_in(folder):
    """Return the names of files except the lock, which stays."""
    names = {path.name for path in folder.iterdir()}
    return sorted(names - {".weights.h5.lock"})


def part_of(cache, content):
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "weights.h5.part").write_bytes(content)


@pytest.mark.parametrize(
    "file_hash, notices",
    [
        (
            {},
            [
                "weights.h5 has no published hash; names, shapes and finite "
                "values are checked instead when it is loaded."
            ],
        ),
        ({"sha256": SHA256}, []),
        (
            {"sha256_prefix": SHA256[:8]},
            [
                "Only 32 bits of the hash of weights.h5 are published; names, "
                "shapes and finite values are checked as well when it is "
                "loaded."
            ],
        ),
        ({"md5": hashlib.md5(CONTENT).hexdigest()}, []),
    ],
)
def test_file_is_downloaded_once(server, cache, file_hash, notices, caplog):
    entry = entry_at(f"{server.url}/weights.h5", file_hash=file_hash)
    path = weights.fetch(entry)
    assert path == cache / "weights.h5"
    assert path.read_bytes() == CONTENT
    assert names_in(cache) == ["weights.h5"]
    assert caplog.messages == [
        *notices,
        f"Downloading weights.h5 (700,001 bytes) from {entry.urls[0]}",
    ]
    caplog.clear()
    assert weights.fetch(entry) == path
    assert len(server.requests) == 1
    assert caplog.messages == []


def test_progress_is_shown_on_request(server, cache, capsys):
    weights.fetch(entry_at(f"{server.url}/weights.h5"), verbose=True)
    assert "700001/700001" in capsys.readouterr().out


@pytest.mark.parametrize("file_hash", [None, {}])
def test_interrupted_connection_is_resumed(server, cache, file_hash):
    server.breaks_after = 300_000
    path = weights.fetch(
        entry_at(f"{server.url}/weights.h5", file_hash=file_hash)
    )
    assert path.read_bytes() == CONTENT
    ranges = [asked for _, asked in server.requests]
    assert ranges == [None, "bytes=300000-", "bytes=600000-"]
    assert names_in(cache) == ["weights.h5"]


def test_the_next_call_resumes(server, cache):
    part_of(cache, CONTENT[:500_000])
    path = weights.fetch(entry_at(f"{server.url}/weights.h5"))
    assert path.read_bytes() == CONTENT
    assert server.requests == [("/weights.h5", "bytes=500000-")]


def test_server_without_ranges_sends_everything_again(server, cache):
    server.knows_ranges = False
    part_of(cache, CONTENT[:500_000])
    path = weights.fetch(entry_at(f"{server.url}/weights.h5"))
    assert path.read_bytes() == CONTENT


def test_complete_unfinished_file_is_requested_again(server, cache):
    part_of(cache, CONTENT)  # the server responds with status 416
    path = weights.fetch(entry_at(f"{server.url}/weights.h5"))
    assert path.read_bytes() == CONTENT


def test_wrong_range_is_not_used(server, cache):
    part_of(cache, CONTENT[:500_000])
    server.shift = -7
    path = weights.fetch(entry_at(f"{server.url}/weights.h5"))
    assert path.read_bytes() == CONTENT
    assert [asked for _, asked in server.requests] == ["bytes=500000-", None]


def test_changed_file_is_detected_by_the_hash(server, cache):
    part_of(cache, b"x" * 500_000)
    path = weights.fetch(entry_at(f"{server.url}/weights.h5"))
    assert path.read_bytes() == CONTENT
    assert [asked for _, asked in server.requests] == ["bytes=500000-", None]


def test_changed_file_is_detected_without_a_hash(server, cache):
    """A file that changed on the server is downloaded again."""
    entry = entry_at(f"{server.url}/weights.h5", file_hash={})
    server.breaks_after = 300_000
    server.knows_ranges = False
    with pytest.raises(OSError, match="interrupted after 300,000 of 700,001"):
        weights.fetch(entry)
    server.breaks_after, server.knows_ranges = None, True
    server.files["/weights.h5"] = changed = HDF5 + CONTENT[::-1]
    server.etag = '"2"'
    assert weights.fetch(entry).read_bytes() == changed
    assert server.requests[-1] == ("/weights.h5", "bytes=300000-")


def test_unknown_part_is_not_used_without_a_hash(server, cache):
    part_of(cache, CONTENT[:5])
    entry = entry_at(f"{server.url}/weights.h5", file_hash={})
    assert weights.fetch(entry).read_bytes() == CONTENT
    assert server.requests == [("/weights.h5", None)]


def test_truncated_file_is_an_error(server, cache):
    server.breaks_after, server.knows_ranges = 1000, False
    entry = entry_at(f"{server.url}/weights.h5")
    with pytest.raises(weights.DownloadError, match="1,000 of 700,001 bytes"):
        weights.fetch(entry)
    assert "weights.h5" not in names_in(cache)


def test_wrong_file_is_removed(server, cache):
    server.files["/weights.h5"] = b"<html>error</html>"
    received = hashlib.sha256(b"<html>error</html>").hexdigest()
    entry = entry_at(f"{server.url}/weights.h5")
    with pytest.raises(ValueError, match="wrong checksum") as caught:
        weights.fetch(entry)
    assert SHA256 in str(caught.value) and received in str(caught.value)
    assert names_in(cache) == []


def test_a_wrong_file_in_the_cache_is_replaced(server, cache, caplog):
    cache.mkdir()
    (cache / "weights.h5").write_bytes(b"of something else")
    path = weights.fetch(entry_at(f"{server.url}/weights.h5"))
    assert path.read_bytes() == CONTENT
    assert "weights.h5 is not the published file" in caplog.text


def test_wrong_file_in_the_cache_is_kept_if_the_download_fails(server, cache):
    cache.mkdir()
    (cache / "weights.h5").write_bytes(b"of something else")
    with pytest.raises(weights.DownloadError):
        weights.fetch(entry_at(f"{server.url}/none.h5"))
    assert (cache / "weights.h5").read_bytes() == b"of something else"


def test_the_next_url_is_tried(server, cache):
    server.files["/page"] = b"<html>moved</html>"
    urls = [f"{server.url}/{name}" for name in ("none", "page", "weights.h5")]
    assert weights.fetch(entry_at(*urls)).read_bytes() == CONTENT
    assert [path for path, _ in server.requests] == [
        "/none",
        "/page",
        "/weights.h5",
    ]


def test_error_without_network_has_instructions(server, cache):
    with contextlib.closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}/weights.h5"
        missing = f"{server.url}/none.h5"
        with pytest.raises(OSError) as caught:
            weights.fetch(entry_at(closed, missing))
    message = str(caught.value)
    assert message.startswith("weights.h5 could not be downloaded")
    assert f"- {closed}: " in message and "refused" in message
    assert f"- {missing}: HTTP 404 Not Found" in message
    assert f"yourself to {cache / 'weights.h5'}" in message
    assert download.MIRROR_VARIABLE in message
    assert set(caught.value.reasons) == {closed, missing}


def test_mirror_is_tried_first(server, cache, monkeypatch):
    monkeypatch.setenv(download.MIRROR_VARIABLE, f"{server.url}/mirror/")
    server.files["/mirror/weights.h5"] = CONTENT
    weights.fetch(entry_at("https://nowhere.invalid/a"))
    assert server.requests == [("/mirror/weights.h5", None)]


def test_mirror_without_the_file_is_skipped(server, cache, monkeypatch):
    monkeypatch.setenv(download.MIRROR_VARIABLE, f"{server.url}/mirror")
    weights.fetch(entry_at(f"{server.url}/weights.h5"))
    assert [path for path, _ in server.requests] == [
        "/mirror/weights.h5",
        "/weights.h5",
    ]


def test_mirror_can_be_a_folder(cache, tmp_path, monkeypatch):
    (tmp_path / "weights.h5").write_bytes(CONTENT)
    monkeypatch.setenv(download.MIRROR_VARIABLE, str(tmp_path))
    path = weights.fetch(entry_at("https://nowhere.invalid/a"))
    assert path.read_bytes() == CONTENT
    assert path.parent == cache


def test_urls_with_one_file_name_are_separate(server, cache):
    server.files["/a/model.tar.gz"] = b"a"
    server.files["/b/model.tar.gz"] = b"b"
    paths = [weights.fetch(f"{server.url}/{x}/model.tar.gz") for x in "ab"]
    assert [path.read_bytes() for path in paths] == [b"a", b"b"]
    assert [path.name for path in paths] == ["model.tar.gz"] * 2


def test_url_can_have_a_hash(server, cache):
    url = f"{server.url}/weights.h5"
    assert weights.fetch(url, file_hash={"sha256": SHA256}).exists()
    with pytest.raises(weights.HashMismatchError):
        weights.fetch(url, file_hash={"md5": "0" * 32}, folder=cache / "b")
    with pytest.raises(ValueError, match=r"Received: \['crc'\]"):
        weights.fetch(url, file_hash={"crc": "0"})


def test_a_published_url_has_the_hash_of_its_entry(server, cache, monkeypatch):
    url = f"{server.url}/weights.h5"
    entry = entry_at(url, file_hash={"md5": "0" * 32}, file_name="b0.h5")
    monkeypatch.setattr(manifest, "entries", lambda: (entry,))
    with pytest.raises(weights.HashMismatchError, match=r"b0\.h5 from .*0000"):
        weights.fetch(url)


@pytest.mark.parametrize(
    "source",
    [
        "weights.h5",
        "ftp://a/b",
        "https://a/",
        "https://a/..",
        "https://a/%2e",
        "https://a/b%1b[31m",
        "https://a/b%5cc",
    ],
)
def test_invalid_url_is_an_error(source):
    with pytest.raises(ValueError, match="URL of a file") as caught:
        weights.fetch(source)
    assert repr(source) in str(caught.value)


def test_threads_share_a_download(server, cache):
    """Several threads fetch a file; it is downloaded once."""
    entry = entry_at(f"{server.url}/weights.h5")
    paths = []
    threads = [
        threading.Thread(target=lambda: paths.append(weights.fetch(entry)))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {path.read_bytes() for path in paths} == {CONTENT}
    assert len(paths) == 6
    assert len(server.requests) == 1
    assert names_in(cache) == ["weights.h5"]


def test_another_process_waits_for_the_lock(server, cache):
    """A process that holds the lock is downloading the file."""
    cache.mkdir()
    entry = entry_at(f"{server.url}/weights.h5")
    thread = threading.Thread(target=weights.fetch, args=(entry,))
    with filelock.FileLock(cache / ".weights.h5.lock"):
        thread.start()
        thread.join(timeout=0.2)
        assert thread.is_alive() and server.requests == []
        # The other process has finished its download.
        (cache / "weights.h5").write_bytes(CONTENT)
    thread.join(timeout=30)
    assert not thread.is_alive() and server.requests == []


def test_the_cache_is_that_of_keras(monkeypatch, tmp_path):
    monkeypatch.delenv(download.CACHE_VARIABLE, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert download.cache_dir() == tmp_path / "models"
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert download.cache_dir() == tmp_path / ".keras" / "models"


def test_cache_that_cannot_be_created(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv(download.CACHE_VARIABLE, str(tmp_path / "file" / "a"))
    with pytest.raises(
        OSError, match=f"cannot be created.*{download.CACHE_VARIABLE}"
    ):
        weights.fetch(entry_at("https://nowhere.invalid/a"))
