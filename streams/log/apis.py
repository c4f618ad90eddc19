"""The calls of the Kafka protocol that this log serves, and in which versions.

The rule to know: the table *is* the answer to ApiVersions, and clients refuse by themselves what it does not name
(``UnsupportedVersionException`` and its like). Whoever sends such a call all the same loses the connection, as with Apache
Kafka. The calls of transactions are in the table so that a client is told by name that there are none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

KIBIBYTE: Final = 1024

PRODUCE: Final = 0
FETCH: Final = 1
SASL_HANDSHAKE: Final = 17
API_VERSIONS: Final = 18
SASL_AUTHENTICATE: Final = 36


@dataclass(frozen=True, slots=True)
class Api:
    """One call of the protocol.

    Args:
        key: its number.
        name: Kafka's name for it.
        oldest: first version served.
        newest: last version served.
        max_bytes: a larger request is not read; None leaves it to the server's limit. Small where a few bytes of request
            become an object each.
        as_asked: the handler gets the request in the version it came in.
    """

    key: int
    name: str
    oldest: int
    newest: int
    max_bytes: int | None = 256 * KIBIBYTE
    as_asked: bool = False


APIS: Final = {
    api.key: api
    for api in (
        Api(PRODUCE, "Produce", 3, 8, max_bytes=None),
        Api(FETCH, "Fetch", 4, 11),
        Api(2, "ListOffsets", 1, 7),
        Api(3, "Metadata", 0, 8),
        Api(8, "OffsetCommit", 2, 7),
        Api(9, "OffsetFetch", 1, 5),
        Api(10, "FindCoordinator", 0, 4, as_asked=True),
        Api(11, "JoinGroup", 0, 5, max_bytes=1024 * KIBIBYTE),
        Api(12, "Heartbeat", 0, 3),
        Api(13, "LeaveGroup", 0, 3, as_asked=True),
        Api(14, "SyncGroup", 0, 3, max_bytes=1024 * KIBIBYTE),
        Api(15, "DescribeGroups", 0, 4),
        Api(16, "ListGroups", 0, 4),
        Api(SASL_HANDSHAKE, "SaslHandshake", 0, 1, max_bytes=KIBIBYTE),
        Api(API_VERSIONS, "ApiVersions", 0, 3, max_bytes=4 * KIBIBYTE),
        Api(19, "CreateTopics", 2, 4),
        Api(20, "DeleteTopics", 1, 3),
        Api(21, "DeleteRecords", 0, 1),
        Api(22, "InitProducerId", 0, 1),
        Api(23, "OffsetForLeaderEpoch", 2, 3),
        Api(24, "AddPartitionsToTxn", 0, 2),
        Api(25, "AddOffsetsToTxn", 0, 2),
        Api(26, "EndTxn", 0, 2),
        Api(28, "TxnOffsetCommit", 0, 2),
        Api(32, "DescribeConfigs", 1, 2),
        Api(33, "AlterConfigs", 0, 1),
        Api(35, "DescribeLogDirs", 1, 2),
        Api(SASL_AUTHENTICATE, "SaslAuthenticate", 0, 1, max_bytes=4 * KIBIBYTE),
        Api(37, "CreatePartitions", 0, 1),
        Api(42, "DeleteGroups", 0, 1),
        Api(44, "IncrementalAlterConfigs", 0, 1),
        Api(47, "OffsetDelete", 0, 0),
        Api(60, "DescribeCluster", 0, 0),
    )
}
"""Everything served, by API key."""

BEFORE_AUTHENTICATION: Final = frozenset({SASL_HANDSHAKE, API_VERSIONS, SASL_AUTHENTICATE})
"""What a client may ask of a log with a secret before it has shown that it knows it."""
