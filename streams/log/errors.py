"""What can go wrong in the embedded log.

    KitchenError (domain)
    ├── ConfigurationError (domain)   a host, directory or topic setting is wrong; the log does not start
    └── LogError
        ├── WireError                 bytes that are no request we serve: that connection is closed
        ├── Refused                   a request understood and refused: carries the Kafka error code
        └── Damaged                   a file on disk says something impossible; names the file and what to do

The rule to know: ``Refused`` travels to the client as an error code, ``WireError`` never does (there is nothing to answer to).
"""

from __future__ import annotations

from kio.schema.errors import ErrorCode

from domain.errors import KitchenError


class LogError(KitchenError):
    """Root of the log's own errors. Never raised itself."""


class WireError(LogError):
    """The bytes received are not a request this log serves."""


class Refused(LogError):
    """A request was understood and is refused.

    Args:
        code: the Kafka error code the client is told.
        message: what is wrong and what to do, for versions of the protocol that carry a text.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"{code.name}: {message}")


class Damaged(LogError):
    """A file of the log cannot be right and cannot be repaired by dropping its tail."""
