"""Media under their hash: one suite over a folder and a real S3 server."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from domain.errors import ConfigurationError, NotFound, Unavailable
from store import open_media
from store.ports import Media
from tests.services import CannotBeHad, required_in_ci

JPEG = b"\xff\xd8 a picture \x00\xff\xd9"
NAME = hashlib.sha256(JPEG).hexdigest()
BUCKET = "evidence"


@dataclass(frozen=True)
class Place:
    """A media store and a hand behind its back."""

    media: Media
    overwrite: Callable[[str, bytes], object]
    names: Callable[[], list[str]]


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The URL of an S3 server on loopback."""
    with required_in_ci():
        pytest.importorskip("boto3")
        try:
            import moto.server  # noqa: F401, PLC0415
        except ImportError as error:
            raise CannotBeHad(f"moto's S3 server is not installed ({error}): pip install 'bright-kitchen[dev]'") from None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    endpoint = f"http://127.0.0.1:{port}"
    try:
        give_up = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(endpoint, timeout=2).close()
                break
            except OSError:
                assert process.poll() is None, "the S3 server ended"
                assert time.monotonic() < give_up, "the S3 server did not answer within 60 s"
                time.sleep(0.1)
        yield endpoint
    finally:
        process.terminate()
        process.wait(10)


def _folder(directory: Path) -> Place:
    def overwrite(sha256: str, data: bytes) -> object:
        return (directory / sha256[:2] / sha256).write_bytes(data)

    def names() -> list[str]:
        return sorted(path.name for path in directory.rglob("*") if path.is_file())

    return Place(open_media(f"file://{directory}"), overwrite, names)


def _bucket(endpoint: str, prefix: str) -> Place:
    import boto3  # noqa: PLC0415

    client: Any = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="key", aws_secret_access_key="s/e:c"
    )
    client.create_bucket(Bucket=BUCKET)

    def overwrite(sha256: str, data: bytes) -> object:
        return client.put_object(Bucket=BUCKET, Key=f"{prefix}/{sha256[:2]}/{sha256}", Body=data)

    def names() -> list[str]:
        answer = client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return sorted(item["Key"].rpartition("/")[2] for item in answer.get("Contents", []))

    return Place(open_media(f"s3://key:s%2Fe%3Ac@{BUCKET}/{prefix}?endpoint={endpoint}"), overwrite, names)


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.service)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return _folder(tmp_path / "not yet there" / "media")
    return _bucket(request.getfixturevalue("s3_server"), f"site-{os.urandom(4).hex()}")


def test_bytes_come_back_under_their_hash(place: Place) -> None:
    assert not place.media.has(NAME)
    assert place.media.put(JPEG, "image/jpeg") == NAME
    assert place.media.has(NAME)
    assert place.media.get(NAME) == JPEG
    assert place.media.get(place.media.put(b"", "text/plain")) == b""


def test_keeping_the_same_bytes_twice_is_once(place: Place) -> None:
    assert place.media.put(JPEG, "image/jpeg") == place.media.put(JPEG, "image/jpeg")
    assert place.names() == [NAME]


def test_what_is_not_there_is_not_found(place: Place) -> None:
    with pytest.raises(NotFound):
        place.media.get(NAME)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", NAME.upper(), NAME[:-1], NAME + "\n", f"../{NAME}"])
def test_a_name_that_is_no_hash_never_becomes_a_path(place: Place, name: str) -> None:
    with pytest.raises(NotFound):
        place.media.get(name)


def test_altered_bytes_are_refused(place: Place) -> None:
    place.media.put(JPEG, "image/jpeg")
    place.overwrite(NAME, JPEG + b"altered")
    with pytest.raises(NotFound, match="no longer match"):
        place.media.get(NAME)


def test_many_at_once_are_all_kept_whole(place: Place) -> None:
    pictures = [os.urandom(20_000) for _ in range(6)] * 3
    threads = [threading.Thread(target=place.media.put, args=(data, "image/jpeg")) for data in pictures]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert place.names() == sorted({hashlib.sha256(data).hexdigest() for data in pictures})
    for data in pictures:
        assert place.media.get(hashlib.sha256(data).hexdigest()) == data


def test_a_damaged_file_is_mended_by_keeping_the_bytes_again(tmp_path: Path) -> None:
    place = _folder(tmp_path)
    place.media.put(JPEG, "image/jpeg")
    place.overwrite(NAME, b"")  # as a full disk may leave it
    place.media.put(JPEG, "image/jpeg")
    assert place.media.get(NAME) == JPEG


def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "media").write_text("a file is in the way")
    with pytest.raises(Unavailable):
        open_media(f"file://{tmp_path}/media").put(JPEG, "image/jpeg")


@pytest.mark.service
def test_a_missing_bucket_or_server_is_unavailable(s3_server: str) -> None:
    with pytest.raises(Unavailable, match="bucket nowhere does not exist"):
        open_media(f"s3://key:secret@nowhere?endpoint={s3_server}").put(JPEG, "image/jpeg")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{probe.getsockname()[1]}"
        with pytest.raises(Unavailable, match="cannot be reached"):
            open_media(f"s3://key:secret@evidence?endpoint={nobody}").get(NAME)


@pytest.mark.parametrize("url", ["", "media", "/abs/media", "file://relative", "ftp://host/x", "s3:///prefix"])
def test_a_url_that_is_no_media_store_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="KITCHEN_MEDIA_URL"):
        open_media(url)


def test_an_unknown_option_is_named_and_the_secret_is_not() -> None:
    with pytest.raises(ConfigurationError, match="endpont") as refused:
        open_media("s3://key:hush@bucket?endpont=http://127.0.0.1:1")
    assert "hush" not in str(refused.value)


def test_without_the_extra_s3_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ConfigurationError, match=r"bright-kitchen\[s3\]"):
        open_media("s3://bucket")
