"""``ports.Media`` in an S3-compatible store, with boto3 from the extra ``s3``."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from domain.errors import ConfigurationError, NotFound, Unavailable
from store.media import checked_bytes, checked_name, digest

_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
_MISSING_BUCKET = "NoSuchBucket"


class S3Media:
    """Objects named ``prefix/ab/<sha256>`` in one bucket.

    Args:
        bucket: must exist.
        prefix: first part of every name, or empty.
        endpoint: URL of an S3-compatible store; None = Amazon's.
        region: None = what the environment says, else ``us-east-1``.
        key: access key id; None = what boto3 finds in the environment.
        secret: its secret.

    Raises:
        ConfigurationError: if boto3 is not installed.
    """

    def __init__(
        self,
        bucket: str,
        *,
        prefix: str = "",
        endpoint: str | None = None,
        region: str | None = None,
        key: str | None = None,
        secret: str | None = None,
    ) -> None:
        try:
            import boto3  # noqa: PLC0415 - an extra
            from botocore import exceptions  # noqa: PLC0415
            from botocore.config import Config  # noqa: PLC0415
        except ImportError:
            raise ConfigurationError(
                "an s3:// media URL needs boto3", key="KITCHEN_MEDIA_URL", hint="pip install 'bright-kitchen[s3]'"
            ) from None
        self._bucket, self._prefix = bucket, f"{prefix}/" if prefix else ""
        self._refused, self._away = exceptions.ClientError, exceptions.BotoCoreError
        session = boto3.session.Session()
        self._client = session.client(
            "s3",
            endpoint_url=endpoint,
            region_name=region or session.region_name or "us-east-1",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(
                connect_timeout=5,
                read_timeout=30,
                retries={"mode": "standard", "max_attempts": 3},
                # other makers' stores answer for the bucket in the path, and know no trailing checksums
                s3={"addressing_style": "path" if endpoint else "auto"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def put(self, data: bytes, media_type: str) -> str:
        """Keep bytes and return their name; keeping them twice is once."""
        sha256 = digest(data)
        if not self.has(sha256):
            checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
            self._ask("put_object", sha256, Body=data, ContentType=media_type, ChecksumSHA256=checksum)
        return sha256

    def put_all(self, items: Iterable[tuple[bytes, str]]) -> None:
        """Keep several."""
        for data, media_type in items:
            self.put(data, media_type)

    def get(self, sha256: str) -> bytes:
        """The bytes. Raises NotFound if there are none or they were altered."""
        answer = self._ask("get_object", checked_name(sha256))
        try:
            data: bytes = answer["Body"].read()
        except self._away as error:
            raise Unavailable(f"the media store broke off: {error}") from error
        return checked_bytes(data, sha256)

    def has(self, sha256: str) -> bool:
        """Whether there are bytes of that name."""
        try:
            self._ask("head_object", checked_name(sha256))
        except NotFound:
            return False
        return True

    def _ask(self, operation: str, sha256: str, **arguments: object) -> Any:
        name = f"{self._prefix}{sha256[:2]}/{sha256}"
        try:
            return getattr(self._client, operation)(Bucket=self._bucket, Key=name, **arguments)
        except self._refused as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in _MISSING:
                raise NotFound(f"there is no media {sha256}") from None
            what = f"bucket {self._bucket} does not exist" if code == _MISSING_BUCKET else str(error)
            raise Unavailable(f"the media store refused: {what}") from error
        except self._away as error:
            raise Unavailable(f"the media store cannot be reached: {error}") from error
