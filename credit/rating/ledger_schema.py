"""The JSON Schema of the facts of a scheme that deducts: every raw value with its unit, range and source."""

from __future__ import annotations

from typing import Any, Final

from credit.rating.ledger_facts import ALWAYS, MOST_VIOLATIONS
from credit.rating.value import Text
from credit.scheme import Scheme

_INSTANT: Final = {
    "type": "string",
    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}(T.+)?$",
}
_NUMBER: Final = {"type": ["string", "number"], "pattern": r"^[0-9]{1,12}(\.[0-9]{1,30})?$", "minimum": 0}
_WHOLE: Final = {"type": ["string", "integer"], "pattern": r"^[0-9]{1,12}(\.0{1,30})?$", "minimum": 0}
_TEXT: Final = {"type": "string", "maxLength": 200}

_AS_OF = Text("评分基准时刻：日期（至当日终了）或带时区的时刻", "the day (to its end) or instant the facts are as of")
_VIOLATIONS = Text("本期经确认的违规，顺序不限", "confirmed violations that are charged, in any order")
_HISTORY = Text(
    "此前经确认的违规（至少 365 天）：不计入本期扣分，用于重复系数、首违免罚和一事一扣",
    "confirmed violations of before (365 days at least): not charged, they count for repeats, the waiver and incidents",
)
_LEDGER = Text("累计扣分台账；null 表示不适用", "the cumulative market-credit ledger; null = not applicable")
_FIELDS: Final[dict[str, tuple[dict[str, Any], Text]]] = {
    "at": (_INSTANT, Text("发生时刻（来源：预警 raised_at）", "when it happened (source: raised_at of the warning)")),
    "notified_at": (_INSTANT, Text("首次确认送达时刻（来源：通知记录）", "first confirmed delivery (source: the notices)")),
    "rectified_at": (
        _INSTANT,
        Text(
            "整改完成时刻；null 表示未整改（来源：整改提交）", "when it was rectified; null = it was not (source: the submission)"
        ),
    ),
    "rectify_by": (
        _INSTANT,
        Text("整改期限，含该时刻；null 表示未起算", "the merchant's limit, itself still in time; null = no limit ran"),
    ),
    "incident_id": (_TEXT, Text("事件编号：同一事件只按最重的一项扣分", "one incident is charged once, with its gravest code")),
    "subject": (_TEXT, Text("对象：批次、人员、摄像头等", "what it is about: a lot, a person, a camera")),
    "days_lapsed": (
        {**_WHOLE, "x-unit": "d"},
        Text(
            "证件已过期天数，单位：天（来源：健康证台账）",
            "for how many days what lapsed had lapsed; unit: days (source: the certificates)",
        ),
    ),
    "camera": (_TEXT, Text("摄像头；缺省取对象中斜杠前的部分", "the camera; the subject up to a slash unless told")),
    "class": (_TEXT, Text("识别类别，仅供核对", "wire name of the camera class, for the record")),
    "self_reported": (
        {"type": "boolean"},
        Text("商户在到期一小时内自行报告", "the merchant reported it within an hour of the expiry"),
    ),
}


def schema_of(scheme: Scheme, *, title: str, language: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the facts.

    Args:
        scheme: what violations cost.
        title: words of the scheme.
        language: ``zh`` or ``en``.
    """
    one = _violation(scheme, language)
    history = {key: value for key, value in one.items() if key != "allOf"} | {"required": ["code", "at"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "$comment": scheme.name,
        "type": "object",
        "properties": {
            "as_of": _told(_INSTANT, _AS_OF, language),
            "violations": {
                "type": "array",
                "maxItems": MOST_VIOLATIONS,
                "description": _VIOLATIONS.render(language),
                "items": one,
            },
            "history": {"type": "array", "maxItems": MOST_VIOLATIONS, "description": _HISTORY.render(language), "items": history},
            "ledger": _account(language),
        },
        "required": ["as_of", "violations", "history", "ledger"],
        "additionalProperties": False,
    }


def _violation(scheme: Scheme, language: str) -> dict[str, Any]:
    codes = Text("违规代码", "violation code")
    titles = {code: rule.title.get(language, code) for code, rule in scheme.rules.items()}
    code = {"type": "string", "enum": list(scheme.rules), "description": codes.render(language), "x-titles": titles}
    properties = {"code": code} | {key: _told(form, words, language) for key, (form, words) in _FIELDS.items()}
    properties["at"]["type"] = "string"
    needs: list[dict[str, Any]] = []
    for rule in scheme.rules.values():
        extra = ["days_lapsed"] if rule.waivable_lapse is not None else []
        if rule.degree is not None:
            extra.append(rule.degree.fact)
            properties[rule.degree.fact] = _degree(scheme, rule.degree.fact, language)
        if extra:
            told = {} if rule.degree is None else {rule.degree.fact: {"not": {"type": "null"}}}
            then = {"required": extra, "properties": told}
            needs.append({"if": {"properties": {"code": {"const": rule.code}}, "required": ["code"]}, "then": then})
    form = {"type": "object", "properties": properties, "required": list(ALWAYS), "additionalProperties": False}
    return {**form, "allOf": needs} if needs else form


def _degree(scheme: Scheme, fact: str, language: str) -> dict[str, Any]:
    rules = [rule for rule in scheme.rules.values() if rule.degree is not None and rule.degree.fact == fact]
    names = [name for rule in rules if rule.degree is not None and not rule.degree.below for name in rule.variants]
    codes = ", ".join(rule.code for rule in rules)
    if names:
        words = Text("程度（{0}）", "degree ({0})", (codes,))
        return {"enum": [*names, None], "description": words.render(language)}
    most = max((rule.degree.most for rule in rules if rule.degree is not None and rule.degree.most is not None), default=None)
    bound: dict[str, Any] = {} if most is None else {"maximum": int(most)}
    return _told(
        _NUMBER | bound | {"x-unit": "%"}, Text("实测值（{0}），单位：%", "what was measured ({0}); unit: %", (codes,)), language
    )


def _account(language: str) -> dict[str, Any]:
    carried = Text("本承包期内此前累计扣分", "points deducted so far in the stall's contract round")
    count = Text("本承包期内已执行停业整顿次数，缺省为 0", "suspensions carried out in the round; 0 unless told")
    properties = {
        "carried": _told(_NUMBER, carried, language),
        "suspensions": _told(_WHOLE, count, language),
    }
    return {
        "type": ["object", "null"],
        "description": _LEDGER.render(language),
        "properties": properties,
        "required": ["carried"],
        "additionalProperties": False,
    }


def _told(form: dict[str, Any], words: Text, language: str) -> dict[str, Any]:
    types = form["type"] if isinstance(form["type"], list) else [form["type"]]
    return {"description": words.render(language), **form, "type": [*types, "null"]}
