"""A consumer group as it is kept on disk, so that a restart of the log ends no generation.

The rule to know: a group is kept when a generation has been assigned and when its last member has gone, as Apache Kafka does.
What lies between (a round under way) is not: after a crash its members find the generation before, and join again.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

from streams.log.group import Group, GroupState, Joining, Member, Proposal


def taken(group: Group, now: float) -> dict[str, Any]:
    """What must be kept of a group.

    Args:
        group: stable, or empty.
        now: seconds since 1970.
    """
    return {
        "group": group.name,
        "at": int(now),
        "generation": group.generation,
        "type": group.protocol_type,
        "protocol": group.protocol,
        "leader": group.leader,
        "members": [_member(member_id, member) for member_id, member in group.members.items()],
    }


def restored(kept: dict[str, Any], now: float, *, first_join_wait_s: float) -> Group:
    """The group again; its members have a whole session to show themselves.

    Args:
        kept: as ``taken`` made it.
        now: monotonic seconds.
        first_join_wait_s: as for a new group.
    """
    group = Group(kept["group"], first_join_wait_s=first_join_wait_s)
    group.generation = kept["generation"]
    group.protocol_type, group.protocol, group.leader = kept["type"], kept["protocol"], kept["leader"]
    for each in kept["members"]:
        proposals = tuple(Proposal(name, b64decode(metadata)) for name, metadata in each["proposals"])
        terms = Joining(
            each["id"],
            each["client"],
            each["session_s"],
            each["rebalance_s"],
            group.protocol_type,
            proposals,
            each["instance"],
            each["host"],
        )
        group.members[terms.member_id] = Member(terms, now, assignment=b64decode(each["assignment"]), synced=True)
        if terms.instance_id is not None:
            group.instances[terms.instance_id] = terms.member_id
    group.state = GroupState.STABLE if group.members else GroupState.EMPTY
    return group


def _member(member_id: str, member: Member) -> dict[str, Any]:
    terms = member.terms
    return {
        "id": member_id,
        "instance": terms.instance_id,
        "client": terms.client_id,
        "host": terms.host,
        "session_s": terms.session_s,
        "rebalance_s": terms.rebalance_s,
        "proposals": [[proposal.name, _text(proposal.metadata)] for proposal in terms.proposals],
        "assignment": _text(member.assignment),
    }


def _text(content: bytes) -> str:
    return b64encode(content).decode("ascii")
