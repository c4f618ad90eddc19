"""SCRAM-SHA-256 against the example of its standard, and against those who do not know the secret."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

import streams.log.scram as module
from streams.log.scram import AuthenticationError, Exchange, verifier


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Exchange:
    """The example of RFC 7677, section 3."""
    monkeypatch.setattr(module, "ITERATIONS", 4096)
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    return Exchange(verifier("user", "pencil", salt), "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")


FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
LAST = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="


def test_the_example_of_the_standard_is_answered_as_there(exchange: Exchange) -> None:
    told = exchange.answer(FIRST)
    assert told == b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    assert not exchange.complete
    assert exchange.answer(LAST) == b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    assert exchange.complete


def test_the_doubled_nonce_of_an_older_librdkafka_is_taken_with_a_proof_over_it(exchange: Exchange) -> None:
    """Apache Kafka looks at the end of the nonce only; what is proven is what the client said."""
    told = exchange.answer(FIRST).decode()
    unproven = "c=biws,r=rOprNGfwEbeRWgbNEkqO" + told.split(",")[0].removeprefix("r=")
    said = f"{FIRST.decode().removeprefix('n,,')},{told},{unproven}".encode()
    salted = hashlib.pbkdf2_hmac("sha256", b"pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096)
    key = hmac.new(salted, b"Client Key", "sha256").digest()
    signature = hmac.new(hashlib.sha256(key).digest(), said, "sha256").digest()
    proof = base64.b64encode(bytes(one ^ other for one, other in zip(key, signature, strict=True))).decode()
    assert exchange.answer(f"{unproven},p={proof}".encode()).startswith(b"v=")
    assert exchange.complete


@pytest.mark.parametrize(
    ("first", "last", "reason"),
    [
        (FIRST, LAST.replace(b"dHzb", b"dHzc"), "a wrong proof"),
        (FIRST.replace(b"user", b"somebody"), LAST, "another user"),
        (FIRST, LAST.replace(b"k0,", b"k1,"), "another nonce"),
        (FIRST, LAST.replace(b"biws", b"eSws"), "another binding"),
        (FIRST, LAST[:-4], "a proof cut short"),
        (b"p=tls-unique,,n=user,r=abc", LAST, "channel binding"),
        (b"n,a=admin,n=user,r=abc", LAST, "acting for another"),
        (b"n,,r=abc", LAST, "no name"),
        (b"", LAST, "nothing"),
        (b"\xff\xfe", LAST, "no text"),
    ],
)
def test_anything_else_is_refused(exchange: Exchange, first: bytes, last: bytes, reason: str) -> None:
    with pytest.raises(AuthenticationError):
        [exchange.answer(each) for each in (first, last)]
    assert not exchange.complete, reason
