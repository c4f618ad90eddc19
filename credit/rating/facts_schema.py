"""The JSON Schema of the facts of a scheme: every raw value with its unit, range and source, null where it may be null."""

from __future__ import annotations

from typing import Any

from credit.rating.grading import STATUS_TITLES
from credit.rating.intake import AS_OF, sections_of
from credit.rating.numbers import described
from credit.rating.plan import Also, Direct, Leaf, Path, Plan, leaves_of
from credit.rating.value import Text

_DAY: dict[str, Any] = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}(T.+)?$"}
_AS_OF = Text("评级基准日", "the day the facts are as of")
_PREVIOUS = Text("上一期等级", "grade of the period before")
_VETOES = Text("已由人确认的一票否决情形", "vetoes known besides those that follow from the facts")
_CAPS = Text("已由人确认的等级上限情形", "caps known besides those that follow from the facts")
_CAUSE = Text("情形", "what happened")
_AT = Text("发生日期", "the day it happened")
_ENDED_AT = Text("情形消除日期", "the day the cause ended; null while it lasts")


def schema_of(plan: Plan, *, name: str, title: str, language: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the facts.

    Args:
        plan: the scheme.
        name: of the scheme, for the schema's id.
        title: words of the scheme.
        language: ``zh`` or ``en``.
    """
    leaves = {leaf.fact: leaf for leaf in leaves_of(plan.root)}
    objects: dict[Path, dict[str, Any]] = {}
    for section in reversed(sections_of(plan)):
        path = section.path
        properties = {
            key: objects[*path, key] if key in section.inner else _value(leaves[*path, key], language)
            for key in section.known
            if (*path, key) in leaves or key in section.inner
        }
        if not path:
            properties = {AS_OF: described(_nullable(dict(_DAY)), _AS_OF, language), **properties, **_others(plan, language)}
        objects[path] = {
            "type": ["object", "null"] if path else "object",
            "properties": properties,
            "required": list(section.required),
            "additionalProperties": False,
        }
        if section.groups:
            objects[path]["oneOf"] = [*_sides(section.groups), *([{"type": "null"}] if path else [])]
    _spare(plan, objects)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, "$comment": name, **objects[()]}


def _sides(groups: tuple[tuple[str, ...], ...]) -> list[dict[str, Any]]:
    """One schema per side of an either-or: all keys of it and none of the others."""
    return [
        {
            "type": "object",
            "required": list(group),
            "not": {"anyOf": [{"required": [key]} for other in groups if other != group for key in other]},
        }
        for group in groups
    ]


def _value(leaf: Leaf, language: str) -> dict[str, Any]:
    return {"title": leaf.title.render(language), **_raw(leaf, language)}


def _raw(leaf: Leaf | Also, language: str) -> dict[str, Any]:
    """What a raw value is, its unit, range and source."""
    form = _nullable(leaf.rule.schema(language))
    parts = [leaf.raw]
    if leaf.unit is not None:
        form["x-unit"] = leaf.unit.render(language)
        parts.append(Text("单位：{0}", "unit: {0}", (leaf.unit,)))
    if "minimum" in form:
        parts.append(Text("范围：{0} 至 {1}", "from {0} to {1}", (form["minimum"], form.get("maximum", "…"))))
    if leaf.source:
        form["x-source"] = leaf.source
        parts.append(Text("来源：{0}", "source: {0}", (leaf.source,)))
    description = ("; " if language == "en" else "；").join(part.render(language) for part in parts)
    return {"description": description, **form}


def _nullable(form: dict[str, Any]) -> dict[str, Any]:
    found = dict(form)
    if "enum" in found:
        found["enum"] = [*found["enum"], None]
    elif "type" in found:
        types = found["type"] if isinstance(found["type"], list) else [found["type"]]
        found["type"] = [*types, "null"]
    return found


def _others(plan: Plan, language: str) -> dict[str, Any]:
    found = {key: _raw(also, language) for key, also in plan.also.items()}
    if plan.has_previous:
        names = [*(grade.name for grade in plan.grades), *STATUS_TITLES, None]
        found["previous"] = described({"enum": names}, _PREVIOUS, language)
    for key, words, codes in (("vetoes", _VETOES, plan.vetoes), ("caps", _CAPS, plan.caps)):
        if codes:
            named = [{"const": code, "title": entry.title.render(language)} for code, entry in codes.items()]
            found[key] = described({"type": ["array", "null"], "items": {"oneOf": named}}, words, language)
    if plan.direct is not None:
        found[plan.direct.fact] = _direct(plan.direct, language)
    return found


def _direct(direct: Direct, language: str) -> dict[str, Any]:
    causes = [{"const": name, "title": cause.title.render(language)} for name, cause in direct.causes.items()]
    properties = {
        "cause": described({"oneOf": causes}, _CAUSE, language),
        "at": described(dict(_DAY), _AT, language),
        "ended_at": described(_nullable(_DAY), _ENDED_AT, language),
    }
    entry = {"type": "object", "properties": properties, "required": ["cause", "at"], "additionalProperties": False}
    return described({"type": ["array", "null"], "items": entry}, direct.title, language)


def _spare(plan: Plan, objects: dict[Path, dict[str, Any]]) -> None:
    """A fact that may stand for a whole node makes the node's own facts needless, which only ``required`` can say."""
    stack = [plan.root]
    while stack:
        node = stack.pop()
        stack += [part for part in node.parts if not isinstance(part, Leaf)]
        for given in node.given:
            if not given.optional:
                continue
            spared = [leaf.fact for leaf in leaves_of(node) if leaf is not given.leaf]
            for path, form in objects.items():
                names = {fact[-1] for fact in spared if fact[:-1] == path}
                form["required"] = [key for key in form["required"] if key not in names]
            for path in {fact[:-1] for fact in spared if len(fact) > 1}:
                keys = [fact[-1] for fact in spared if fact[:-1] == path]
                absent = {"required": [given.leaf.fact[0]], "properties": {given.leaf.fact[0]: {"not": {"type": "null"}}}}
                inner: dict[str, Any] = {"required": keys}
                for key in reversed(path):
                    inner = {"properties": {key: inner}}
                objects[()].setdefault("allOf", []).append({"if": {"not": absent}, "then": inner})
