"""The registers as sheets: their columns, and what a row of cells says (docs/registers.md).

One reading for forms, CSV and JSON. A cell that cannot be read is a problem with its column, in words that say what to do; a row
without problems is the body of an envelope (domain.md E.2), as a device would have sent it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from casework.words import N_
from domain.observations import Kind
from domain.time import SHANGHAI, format_instant, midnight
from traceability.shelf_life import ShelfLife, after, expires_at

LONGEST_CELL = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with one cell: the column, what is wrong, and what to do; templates with their parameters."""

    column: str
    what: str
    do: str
    params: Mapping[str, str] = field(default_factory=dict)


class Wrong(Exception):
    """A cell cannot be read."""

    def __init__(self, column: str, what: str, do: str, **params: str) -> None:
        super().__init__(what)
        self.problem = Problem(column=column, what=what, do=do, params=params)


class CellKind(StrEnum):
    """What stands in the cells of a column."""

    TEXT = "text"
    DAY = "day"
    INSTANT = "instant"
    WHEN = "when"  # a day or an instant
    NUMBER = "number"
    CHOICE = "choice"
    SPAN = "span"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column.

    Attributes:
        name: in CSV, JSON and forms.
        title: in Chinese; a CSV may have it as the header.
        choices: word → what people call it; both are read.
        default: what an empty cell means.
    """

    name: str
    title: str
    kind: CellKind = CellKind.TEXT
    required: bool = False
    choices: Mapping[str, str] = field(default_factory=dict)
    default: str = ""


Cells = Mapping[str, Any]
Build = Callable[[Mapping[str, Any], str], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One register.

    Attributes:
        key: columns that say which record a row is about; a later row replaces it. Empty: each row is an event.
        build: the body of the envelope, from cells that were read; the second argument is the merchant.
    """

    name: str
    title: str
    kind: Kind
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    build: Build


REQUIRED = (N_("必填"), N_("填写这一列"))
NO_DAY = (N_("“%(value)s”不是日期"), N_("写成 2026-11-20"))
NO_INSTANT = (N_("“%(value)s”不是时间"), N_("写成 2026-11-20 08:30"))
NO_NUMBER = (N_("“%(value)s”不是数字"), N_("只写数字，不写单位"))
NO_CHOICE = (N_("“%(value)s”不在可选项内"), N_("可填：%(choices)s"))
NO_SPAN = (N_("“%(value)s”不是保质期"), N_("写成 30天、6个月 或 48小时"))
TOO_LONG = (N_("超过 %(most)s 个字"), N_("缩短内容"))
NO_EXPIRY = (N_("既没有到期日，也没有保质期"), N_("填写到期日，或生产日期和保质期"))
NO_PRODUCTION = (N_("按保质期计算需要生产日期"), N_("填写生产日期；按小时计的写到分钟"))
NEGATIVE = (N_("“%(value)s”小于 0"), N_("填写 0 或更大的数"))

_SPAN = re.compile(r"(\d{1,4})\s*(天|日|d|个月|月|m|小时|时|h)", re.IGNORECASE)
_UNITS = {"天": "days", "日": "days", "d": "days", "个月": "months", "月": "months", "m": "months"}


def read(sheet: Sheet, cells: Cells, uscc: str) -> tuple[dict[str, Any] | None, list[Problem]]:
    """The body a row stands for, or everything that is wrong with it."""
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for column in sheet.columns:
        try:
            value = _cell(column, cells.get(column.name))
        except Wrong as wrong:
            problems.append(wrong.problem)
        else:
            if value is not None:
                values[column.name] = value
    if problems:
        return None, problems
    try:
        return sheet.build(values, uscc), []
    except Wrong as wrong:
        return None, [wrong.problem]


def _cell(column: Column, raw: Any) -> Any:
    text = "" if raw is None else (f"{raw}" if not isinstance(raw, bool) else str(raw).lower())
    text = text.strip() or column.default
    if not text:
        if column.required:
            raise Wrong(column.name, *REQUIRED)
        return None
    if len(text) > LONGEST_CELL:
        raise Wrong(column.name, *TOO_LONG, most=str(LONGEST_CELL))
    return _READERS[column.kind](column, text)


def _text(_column: Column, text: str) -> str:
    return text


def _day(column: Column, text: str) -> date:
    try:
        return date.fromisoformat(_dashed(text))
    except ValueError:
        raise Wrong(column.name, *NO_DAY, value=text[:40]) from None


def _dashed(text: str) -> str:
    """``2026/1/5`` and ``2026.1.5``, as spreadsheets write them, as ``2026-01-05``."""
    parts = re.fullmatch(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?", text)
    return text if parts is None else f"{parts[1]}-{int(parts[2]):02d}-{int(parts[3]):02d}"


def _instant(column: Column, text: str) -> datetime:
    day, _, rest = text.replace("T", " ").partition(" ")
    try:
        at = datetime.fromisoformat(f"{_dashed(day)}T{rest.strip().zfill(5) if ':' in rest else ''}")
    except ValueError:
        raise Wrong(column.name, *NO_INSTANT, value=text[:40]) from None
    return at.replace(tzinfo=SHANGHAI) if at.tzinfo is None else at


def _when(column: Column, text: str) -> date | datetime:
    return _instant(column, text) if ":" in text else _day(column, text)


def _number(column: Column, text: str) -> Decimal:
    try:
        value = Decimal(text.replace(",", ""))
    except InvalidOperation:
        raise Wrong(column.name, *NO_NUMBER, value=text[:40]) from None
    if not value.is_finite():
        raise Wrong(column.name, *NO_NUMBER, value=text[:40])
    if value < 0:
        raise Wrong(column.name, *NEGATIVE, value=text[:40])
    return value


def _choice(column: Column, text: str) -> str:
    for word, title in column.choices.items():
        if text.casefold() in (word, title.casefold()):
            return word
    raise Wrong(column.name, *NO_CHOICE, value=text[:40], choices=" | ".join(column.choices))


def _span(column: Column, text: str) -> ShelfLife:
    parts = _SPAN.fullmatch(text)
    if parts is None:
        raise Wrong(column.name, *NO_SPAN, value=text[:40])
    unit, number = _UNITS.get(parts[2].lower(), "hours"), int(parts[1])
    if number == 0:
        raise Wrong(column.name, *NO_SPAN, value=text[:40])
    if unit == "hours":
        return ShelfLife(hours=number)
    return ShelfLife(days=number) if unit == "days" else ShelfLife(months=number)


_READERS: Mapping[CellKind, Callable[[Column, str], Any]] = MappingProxyType(
    {
        CellKind.TEXT: _text,
        CellKind.DAY: _day,
        CellKind.INSTANT: _instant,
        CellKind.WHEN: _when,
        CellKind.NUMBER: _number,
        CellKind.CHOICE: _choice,
        CellKind.SPAN: _span,
    }
)


# what the cells of each register say


def _plain(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: _json(values[name]) for name in names if name in values}


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return format_instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def masked(name: str) -> str:
    """A name without what identifies: the first character stays (E.1)."""
    return name[:1] + "*" if len(name) > 1 and "*" not in name else name


def _certificate(values: Mapping[str, Any], uscc: str) -> dict[str, Any]:
    body = _plain(values, "issued_on", "valid_until", "issuer", "duty")
    body["person_ref"] = values["person"]
    if "name" in values:
        body["name_masked"] = masked(values["name"])
    if "cert_no" in values:
        body["cert_no_hash"] = hashlib.sha256(f"{uscc}|{values['cert_no']}".encode()).hexdigest()
    return body


def _shift(values: Mapping[str, Any], _uscc: str) -> dict[str, Any]:
    body = _plain(values, "start", "end", "duty", "morning_check")
    body["person_ref"] = values["person"]
    if values.get("cancelled") == "yes":
        body["cancelled"] = True
    return body


def _batch(values: Mapping[str, Any], _uscc: str) -> dict[str, Any]:
    body = _plain(values, "lot", "kind", "name", "qty_g", "produced_on", "gb2760_class", "supplier_uscc", "voucher_ref", "state")
    body["expires_at"] = format_instant(_expiry(values))
    return body


def _expiry(values: Mapping[str, Any]) -> datetime:
    """The printed day wins over the shelf life; what was opened keeps no longer than it does after opening (C.9)."""
    made, life, printed = values.get("produced_on"), values.get("shelf_life"), values.get("expires_on")
    if isinstance(printed, datetime):
        closed = printed
    elif printed is not None:
        closed = after(printed)
    elif life is None:
        raise Wrong("expires_on", *NO_EXPIRY)
    elif made is None or (life.hours is not None and not isinstance(made, datetime)):
        raise Wrong("produced_on", *NO_PRODUCTION)
    else:
        closed = expires_at(made if isinstance(made, datetime) else midnight(made), life)
    opened, hours = values.get("opened_at"), values.get("after_open_hours")
    return closed if opened is None or hours is None else min(closed, opened + timedelta(hours=float(hours)))


def _move(values: Mapping[str, Any], _uscc: str) -> dict[str, Any]:
    return _plain(values, "lot", "from", "to", "qty_g")


def _use(values: Mapping[str, Any], _uscc: str) -> dict[str, Any]:
    names = ("additive", "lot", "product_lot", "qty_g", "product_qty_g", "food_class", "ingredient", "ingredient_qty_g")
    return _plain(values, *names)


def _sample(values: Mapping[str, Any], _uscc: str) -> dict[str, Any]:
    names = ("report_no", "kind", "product", "conclusion", "lot", "lab", "sampled_on", "item_kind", "retest_of")
    body = _plain(values, *names)
    failed = [name.strip() for name in re.split(r"[;；、,，]", values.get("failed_items", "")) if name.strip()]
    if failed:
        body["items"] = [{"name": name, "judge": "fail"} for name in failed]
    return body


PERSON = Column(name="person", title=N_("工号"), required=True)
DUTIES: Mapping[str, str] = MappingProxyType({"direct": N_("直接接触食品"), "other": N_("其他岗位")})
CHECKS: Mapping[str, str] = MappingProxyType({"ok": N_("正常"), "fever": N_("发热"), "wound": N_("外伤")})
KINDS: Mapping[str, str] = MappingProxyType({"raw": N_("原料"), "product": N_("产品"), "additive": N_("添加剂")})
PLACES: Mapping[str, str] = MappingProxyType(
    {
        "in_store": N_("在库"),
        "in_use": N_("使用中"),
        "on_sale": N_("销售中"),
        "quarantined": N_("已隔离"),
        "destroyed": N_("已销毁"),
    }
)
STATES: Mapping[str, str] = MappingProxyType(
    {"received": N_("已收货"), **PLACES, "returned": N_("已退货"), "depleted": N_("已用完")}
)
YES: Mapping[str, str] = MappingProxyType({"yes": N_("是"), "no": N_("否")})
AT = Column(name="at", title=N_("发生时间"), kind=CellKind.INSTANT, required=True)

SHEETS: Mapping[str, Sheet] = MappingProxyType(
    {
        sheet.name: sheet
        for sheet in (
            Sheet(
                name="certificates",
                title=N_("健康证"),
                kind=Kind.STAFF_CERTIFICATE,
                key=("person", "issued_on"),
                build=_certificate,
                columns=(
                    PERSON,
                    Column(name="name", title=N_("姓名")),
                    Column(name="cert_no", title=N_("健康证编号")),
                    Column(name="issued_on", title=N_("发证日期"), kind=CellKind.DAY, required=True),
                    Column(name="valid_until", title=N_("有效期至"), kind=CellKind.DAY),
                    Column(name="issuer", title=N_("发证机构")),
                    Column(name="duty", title=N_("岗位"), kind=CellKind.CHOICE, choices=DUTIES, default="direct"),
                ),
            ),
            Sheet(
                name="shifts",
                title=N_("排班与晨检"),
                kind=Kind.STAFF_SHIFT,
                key=("person", "start"),
                build=_shift,
                columns=(
                    PERSON,
                    Column(name="start", title=N_("上班时间"), kind=CellKind.INSTANT, required=True),
                    Column(name="end", title=N_("下班时间"), kind=CellKind.INSTANT, required=True),
                    Column(name="duty", title=N_("岗位"), kind=CellKind.CHOICE, choices=DUTIES, default="direct"),
                    Column(name="morning_check", title=N_("晨检"), kind=CellKind.CHOICE, choices=CHECKS),
                    Column(name="cancelled", title=N_("取消班次"), kind=CellKind.CHOICE, choices=YES),
                ),
            ),
            Sheet(
                name="batches",
                title=N_("批次"),
                kind=Kind.BATCH_UPSERT,
                key=("lot",),
                build=_batch,
                columns=(
                    Column(name="lot", title=N_("批号"), required=True),
                    Column(name="kind", title=N_("种类"), kind=CellKind.CHOICE, choices=KINDS, required=True),
                    Column(name="name", title=N_("品名"), required=True),
                    Column(name="qty_g", title=N_("数量（克）"), kind=CellKind.NUMBER, required=True),
                    Column(name="produced_on", title=N_("生产日期"), kind=CellKind.WHEN),
                    Column(name="expires_on", title=N_("到期日"), kind=CellKind.WHEN),
                    Column(name="shelf_life", title=N_("保质期"), kind=CellKind.SPAN),
                    Column(name="opened_at", title=N_("开封时间"), kind=CellKind.INSTANT),
                    Column(name="after_open_hours", title=N_("开封后小时数"), kind=CellKind.NUMBER),
                    Column(name="state", title=N_("状态"), kind=CellKind.CHOICE, choices=STATES, default="in_store"),
                    Column(name="gb2760_class", title=N_("食品类别（GB 2760）")),
                    Column(name="supplier_uscc", title=N_("供货者信用代码")),
                    Column(name="voucher_ref", title=N_("进货凭证")),
                ),
            ),
            Sheet(
                name="moves",
                title=N_("批次移动"),
                kind=Kind.BATCH_MOVE,
                key=(),
                build=_move,
                columns=(
                    Column(name="lot", title=N_("批号"), required=True),
                    Column(name="from", title=N_("从"), kind=CellKind.CHOICE, choices=PLACES, required=True),
                    Column(name="to", title=N_("到"), kind=CellKind.CHOICE, choices=PLACES, required=True),
                    Column(name="qty_g", title=N_("数量（克）"), kind=CellKind.NUMBER, required=True),
                    AT,
                ),
            ),
            Sheet(
                name="additives",
                title=N_("添加剂使用"),
                kind=Kind.ADDITIVE_USE,
                key=(),
                build=_use,
                columns=(
                    Column(name="additive", title=N_("添加剂名称"), required=True),
                    Column(name="lot", title=N_("添加剂批号"), required=True),
                    Column(name="product_lot", title=N_("产品批号"), required=True),
                    Column(name="qty_g", title=N_("用量（克）"), kind=CellKind.NUMBER, required=True),
                    Column(name="product_qty_g", title=N_("产品总量（克）"), kind=CellKind.NUMBER, required=True),
                    AT,
                    Column(name="food_class", title=N_("食品类别（GB 2760）")),
                    Column(name="ingredient", title=N_("由哪种配料带入")),
                    Column(name="ingredient_qty_g", title=N_("配料用量（克）"), kind=CellKind.NUMBER),
                ),
            ),
            Sheet(
                name="samples",
                title=N_("抽检结果"),
                kind=Kind.SAMPLING_RESULT,
                key=("report_no",),
                build=_sample,
                columns=(
                    Column(name="report_no", title=N_("报告编号"), required=True),
                    Column(
                        name="kind",
                        title=N_("检验类别"),
                        kind=CellKind.CHOICE,
                        choices=MappingProxyType({"official": N_("监督抽检"), "rapid": N_("快检")}),
                        required=True,
                    ),
                    Column(name="product", title=N_("样品名称"), required=True),
                    Column(
                        name="conclusion",
                        title=N_("结论"),
                        kind=CellKind.CHOICE,
                        choices=MappingProxyType({"pass": N_("合格"), "fail": N_("不合格")}),
                        required=True,
                    ),
                    Column(name="lot", title=N_("批号")),
                    Column(name="lab", title=N_("检验机构")),
                    Column(name="sampled_on", title=N_("抽样日期"), kind=CellKind.DAY),
                    Column(
                        name="item_kind",
                        title=N_("项目类别"),
                        kind=CellKind.CHOICE,
                        choices=MappingProxyType(
                            {"ordinary": N_("一般项目"), "pathogen": N_("致病菌"), "vetdrug": N_("禁用兽药")}
                        ),
                        default="ordinary",
                    ),
                    Column(name="failed_items", title=N_("不合格项目")),
                    Column(name="retest_of", title=N_("复检的原报告编号")),
                ),
            ),
        )
    }
)
