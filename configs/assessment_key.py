"""The Ed25519 key an installation signs its reports with: ``DATA/secrets/assessment.pem``, made once."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from configs.secrets import made_once
from domain.errors import ConfigurationError


def assessment_key(folder: Path) -> Ed25519PrivateKey:
    """The key that signs reports.

    Args:
        folder: ``DATA/secrets``.

    Raises:
        ConfigurationError: it can neither be read nor made, or is no such key.
    """
    path = folder / "assessment.pem"
    fresh = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        key = serialization.load_pem_private_key(made_once(path, fresh.decode("ascii")).encode(), password=None)
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError("no Ed25519 private key", file=str(path), hint="put the right one back from a backup")
    return key
