"""The facts of one merchant held against what a scheme reads: which keys must be there, which may, which are nobody's.

Nothing is guessed: of an either-or exactly one side is given, and an absent key is never taken as null.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from credit.rating.facts import bad_fact, date_of, shown, unknown_key
from credit.rating.plan import Node, Path, Plan, leaves_of

Sections = dict[Path, Mapping[str, Any] | None]
"""The objects of the facts by their path; ``None`` where null stands for the whole object."""
AS_OF: Final = "as_of"


@dataclass(frozen=True, slots=True)
class Section:
    """One object among the facts.

    Attributes:
        known: its keys in the order of the scheme.
        required: those that must be there whatever else is.
        groups: of these exactly one must be there.
        inner: its keys that are objects themselves.
    """

    path: Path
    known: tuple[str, ...]
    required: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    inner: tuple[str, ...]


class Intake:
    """Takes facts apart; made once per scheme."""

    def __init__(self, plan: Plan) -> None:
        self._sections = sections_of(plan)
        self._names = {section.path: frozenset(section.known) for section in self._sections}
        self._waivers = tuple(_waivers(plan.root))

    def __call__(self, facts: Mapping[str, Any]) -> Sections:
        """The objects of the facts by path; one that is not given is not among them.

        Raises:
            BadInput: a key is missing or unknown, both sides of an either-or are given, or something is no object.
        """
        if not isinstance(facts, Mapping):
            raise bad_fact("", "the facts are no object")
        found: Sections = {(): facts}
        for section in self._sections:
            raw = found.get(section.path)
            if raw is None:
                continue
            self._check(section, raw, facts)
            for key in section.inner:
                if key in raw:
                    inner = raw[key]
                    if inner is not None and not isinstance(inner, Mapping):
                        raise bad_fact(".".join((*section.path, key)), f"{shown(inner)} is no object")
                    found[*section.path, key] = inner
        if facts.get(AS_OF) is not None:
            date_of(facts[AS_OF], AS_OF)
        return found

    def _check(self, section: Section, raw: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        names = self._names[section.path]
        if not raw.keys() <= names:
            key = next(key for key in raw if key not in names)
            raise unknown_key(_where(section.path, str(key)), section.known)
        for key in (*section.required, *_chosen(section, raw)):
            if key not in raw and not self._waived(section.path, key, facts):
                raise bad_fact(_where(section.path, key), "the key is missing", "add it; null means not applicable")

    def _waived(self, path: Path, key: str, facts: Mapping[str, Any]) -> bool:
        return any((*path, key) in waived and facts.get(given) is not None for given, waived in self._waivers)


def _chosen(section: Section, raw: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys of the group that is given."""
    if not section.groups:
        return ()
    given = [group for group in section.groups if any(key in raw for key in group)]
    if len(given) == 1:
        return given[0]
    told = " | ".join(", ".join(group) for group in section.groups)
    what = "one of several keys is missing" if not given else "they exclude each other: " + ", ".join(g[0] for g in given)
    where = _where(section.path, section.groups[0][0] if not given else given[1][0])
    raise bad_fact(where, what, f"give exactly one of: {told}")


def _where(path: Path, key: str) -> str:
    return ".".join((*path, key))


def _waivers(node: Node) -> list[tuple[str, frozenset[Path]]]:
    """Root keys that, if not null, make the facts of a node needless."""
    found = [
        (given.leaf.fact[0], frozenset(leaf.fact for leaf in leaves_of(node) if leaf is not given.leaf))
        for given in node.given
        if given.optional
    ]
    for part in node.parts:
        if isinstance(part, Node):
            found += _waivers(part)
    return found


def sections_of(plan: Plan) -> tuple[Section, ...]:
    """Every object among the facts of a scheme, outer before inner, keys in the order of the scheme."""
    facts = [leaf.fact for leaf in leaves_of(plan.root)]
    optional = {given.leaf.fact for node in _nodes(plan.root) for given in node.given if given.optional}
    found = []
    for path in sorted({fact[:end] for fact in facts for end in range(len(fact))} | {()}, key=len):
        own = [fact for fact in facts if fact[: len(path)] == path and len(fact) > len(path)]
        keys = tuple(dict.fromkeys(p[len(path)] for p in own))
        groups = plan.either.get(path, ())
        grouped = {key for group in groups for key in group}
        inner = tuple(key for key in keys if any(len(p) > len(path) + 1 and p[len(path)] == key for p in own))
        required = tuple(key for key in keys if key not in grouped and (*path, key) not in optional)
        found.append(Section(path, keys if path else (AS_OF, *keys, *_other_keys(plan)), required, groups, inner))
    return tuple(found)


def _nodes(node: Node) -> list[Node]:
    return [node, *(inner for part in node.parts if isinstance(part, Node) for inner in _nodes(part))]


def _other_keys(plan: Plan) -> tuple[str, ...]:
    """Keys beside the indicators', all optional."""
    keys = [*plan.also]
    keys += ["previous"] if plan.has_previous else []
    keys += ["vetoes"] if plan.vetoes else []
    keys += ["caps"] if plan.caps else []
    keys += [plan.direct.fact] if plan.direct else []
    return tuple(keys)
