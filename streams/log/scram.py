"""The server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677): a secret shown without being told.

The rule to know: the exchange proves that both sides know the secret; it hides nothing else. Without TLS whoever can read
the network reads the records.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from dataclasses import dataclass
from hashlib import pbkdf2_hmac, sha256
from typing import Final

MECHANISM: Final = "SCRAM-SHA-256"
ITERATIONS: Final = 8192
_NONCE_BYTES: Final = 18
_SALT_BYTES: Final = 16
_NO_BINDING: Final = ("n", "y")


class AuthenticationError(Exception):
    """The client does not know the secret, or does not speak SCRAM."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """What is kept of a secret: enough to check a proof, too little to make one."""

    user: str
    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes


def verifier(user: str, secret: str, salt: bytes | None = None) -> Verifier:
    """What the server needs to check that a client knows the secret of a user."""
    salt = os.urandom(_SALT_BYTES) if salt is None else salt
    salted = pbkdf2_hmac("sha256", secret.encode(), salt, ITERATIONS)
    client_key = _hmac(salted, b"Client Key")
    return Verifier(user, salt, ITERATIONS, sha256(client_key).digest(), _hmac(salted, b"Server Key"))


class Exchange:
    """One authentication: two messages of the client, two answers.

    Args:
        known: the verifier of the one user.
        nonce: the server's part of the nonce; random unless given.
    """

    def __init__(self, known: Verifier, nonce: str | None = None) -> None:
        self._known = known
        self._nonce = nonce or base64.b64encode(os.urandom(_NONCE_BYTES)).decode("ascii")
        self._doubled = ""
        self._said = ""
        self._binding = ""
        self._right_user = False
        self.complete = False

    def answer(self, message: bytes) -> bytes:
        """Answer the client's next message.

        Raises:
            AuthenticationError: it is none, or proves nothing.
        """
        try:
            text = message.decode()
            answer = self._last(text) if self._said else self._first(text)
        except (UnicodeDecodeError, ValueError, KeyError, binascii.Error) as problem:
            raise AuthenticationError("this is no SCRAM message") from problem
        return answer.encode()

    def _first(self, text: str) -> str:
        flag, authorization, bare = text.split(",", 2)
        if flag not in _NO_BINDING or authorization:
            raise AuthenticationError("channel binding and acting for others are not offered")
        fields = _fields(bare)
        self._right_user = hmac.compare_digest(_name(fields["n"]).encode(), self._known.user.encode())
        self._binding = base64.b64encode(f"{flag},,".encode()).decode("ascii")
        self._nonce = fields["r"] + self._nonce
        self._doubled = fields["r"] + self._nonce
        salt = base64.b64encode(self._known.salt).decode("ascii")
        told = f"r={self._nonce},s={salt},i={self._known.iterations}"
        self._said = f"{bare},{told}"
        return told

    def _last(self, text: str) -> str:
        if self.complete:
            raise AuthenticationError("the exchange is over")
        unproven, _, _ = text.rpartition(",p=")
        fields = _fields(text)
        # older versions of librdkafka (2.0 and before) put their part of the nonce before the whole once more
        if fields["c"] != self._binding or fields["r"] not in (self._nonce, self._doubled):
            raise AuthenticationError("this answers another exchange")
        said = f"{self._said},{unproven}".encode()
        proof = base64.b64decode(fields["p"], validate=True)
        signature = _hmac(self._known.stored_key, said)
        if len(proof) != len(signature):
            raise AuthenticationError("wrong user or secret")
        client_key = bytes(one ^ other for one, other in zip(proof, signature, strict=True))
        proven = hmac.compare_digest(sha256(client_key).digest(), self._known.stored_key)
        if not (proven and self._right_user):
            raise AuthenticationError("wrong user or secret")
        self.complete = True
        return "v=" + base64.b64encode(_hmac(self._known.server_key, said)).decode("ascii")


def _fields(text: str) -> dict[str, str]:
    found = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not equals:
            raise ValueError(part)
        found[name] = value
    return found


def _name(text: str) -> str:
    return text.replace("=2C", ",").replace("=3D", "=")


def _hmac(key: bytes, content: bytes) -> bytes:
    return hmac.new(key, content, "sha256").digest()
