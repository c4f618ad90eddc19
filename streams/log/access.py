"""Who may speak to the log: everybody on this machine's loopback, or whoever shows the secret (SASL/SCRAM-SHA-256).

The rule to know: a log with a secret answers nothing but ApiVersions and the two SASL calls before the secret was shown, on
loopback too. The module of the exchange is loaded only where there is a secret.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kio.schema.errors import ErrorCode
from kio.schema.sasl_authenticate.v1 import request as authenticate_request
from kio.schema.sasl_authenticate.v1 import response as authenticate_response
from kio.schema.sasl_handshake.v1 import request as handshake_request
from kio.schema.sasl_handshake.v1 import response as handshake_response

from domain.errors import ConfigurationError
from streams.log.apis import SASL_AUTHENTICATE, SASL_HANDSHAKE
from streams.log.call import Call, Handler, counted
from streams.log.metrics import Metrics

if TYPE_CHECKING:
    from streams.log.scram import Verifier

LEAST_SECRET: Final = 12
"""Characters: who listens to an exchange may guess at the secret afterwards, as often as they like."""
_WRONG_COSTS_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Credentials:
    """What clients must show.

    Args:
        user: the one user there is.
        secret: at least 12 characters.
    """

    user: str
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) < LEAST_SECRET or not self.secret.isascii() or not self.secret.isprintable():
            raise ConfigurationError(
                f"the secret of the log must be at least {LEAST_SECRET} printable ASCII characters",
                key="secret",
                hint="remove the file; `kitchen init` makes a new one",
            )


class AccessCalls:
    """SaslHandshake and SaslAuthenticate.

    Args:
        credentials: what must be shown; None lets everybody in.
        metrics: where refusals are counted.
    """

    def __init__(self, credentials: Credentials | None, metrics: Metrics) -> None:
        self._metrics = metrics
        self._verifier: Verifier | None = None
        if credentials is not None:
            from streams.log.scram import verifier  # noqa: PLC0415 - OpenSSL is a tenth of this process's memory

            self._verifier = verifier(credentials.user, credentials.secret)

    @property
    def required(self) -> bool:
        """Whether a client must show that it knows a secret."""
        return self._verifier is not None

    def handlers(self) -> Mapping[int, Handler]:
        """The calls by API key."""
        return {SASL_HANDSHAKE: self.handshake, SASL_AUTHENTICATE: self.authenticate}

    async def handshake(
        self, request: handshake_request.SaslHandshakeRequest, call: Call
    ) -> handshake_response.SaslHandshakeResponse:
        """Agree on SCRAM-SHA-256.

        Version 0 is in the table because older versions of librdkafka (2.0 and before) take a log without it for one without
        SASL, though they speak version 1 then. After a handshake of version 0 the exchange would come without any header, which
        is not served.
        """
        code = ErrorCode.none
        offered: tuple[str, ...] = ()
        if self._verifier is None:
            code = ErrorCode.illegal_sasl_state
        elif call.version == 0:
            code = ErrorCode.unsupported_version
        else:
            from streams.log.scram import MECHANISM, Exchange  # noqa: PLC0415 - as above

            offered = (MECHANISM,)
            if request.mechanism == MECHANISM:
                call.peer.exchange = Exchange(self._verifier)
            else:
                code = ErrorCode.unsupported_sasl_mechanism
        return handshake_response.SaslHandshakeResponse(error_code=counted(self._metrics.refusals, code), mechanisms=offered)

    async def authenticate(
        self, request: authenticate_request.SaslAuthenticateRequest, call: Call
    ) -> authenticate_response.SaslAuthenticateResponse:
        """Take the client's next message; a wrong one ends the exchange, and its answer takes a while."""
        exchange = call.peer.exchange
        if exchange is None:
            return authenticate_response.SaslAuthenticateResponse(
                error_code=counted(self._metrics.refusals, ErrorCode.illegal_sasl_state),
                error_message="SaslHandshake comes first",
                auth_bytes=b"",
            )
        from streams.log.scram import AuthenticationError  # noqa: PLC0415 - as above

        try:
            answer = exchange.answer(request.auth_bytes)
        except AuthenticationError as problem:
            call.peer.exchange, call.peer.refused = None, True
            await asyncio.sleep(_WRONG_COSTS_S)
            return authenticate_response.SaslAuthenticateResponse(
                error_code=counted(self._metrics.refusals, ErrorCode.sasl_authentication_failed),
                error_message=str(problem),
                auth_bytes=b"",
            )
        if exchange.complete:
            call.peer.authenticated, call.peer.exchange = True, None
        return authenticate_response.SaslAuthenticateResponse(error_code=ErrorCode.none, error_message=None, auth_bytes=answer)
