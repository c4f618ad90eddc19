"""What is wrong with facts, schemes, counts and codes, as sentences of both languages; JSON keys and codes are no sentences.

The engines speak English, in clauses. Here stands every such clause as its Chinese message, and the English of the catalogue is
what it is recognised by. A clause the catalogue does not know stays English; a test asks every clause for its Chinese.
"""

from __future__ import annotations

import re
from functools import cache

from cli.language import translator
from domain.errors import BadInput, ConfigurationError, KitchenError


def N_(message: str) -> str:  # noqa: N802 - the name that message extractors look for
    """Mark a message for extraction."""
    return message


_CLAUSES = (
    N_("%(value)s 不是名称"),
    N_("某日不是事件列表"),
    N_("%(value)s 不是识别类别"),
    N_("%(part)s 多于总数 %(whole)s"),
    N_("不是至多 %(days)s 天的列表"),
    N_("每日一个事件列表"),
    N_("%(value)s 不是严重程度"),
    N_("不合格 %(failed)s 项多于检查 %(checked)s 项"),
    N_("%(value)s 不是数字"),
    N_("%(value)s 不是十进制数"),
    N_('请写数字，如 "94.99"'),
    N_("该键未知"),
    N_("是否为 %(word)s？"),
    N_("已知：%(words)s"),
    N_("已知：%(words)s；或给出文件"),
    N_("可选：%(words)s"),
    N_("可用的键：%(words)s"),
    N_("%(value)s 不是日期"),
    N_("请写 YYYY-MM-DD"),
    N_("数据不是 JSON 对象"),
    N_("请用 {…} 括起"),
    N_("%(value)s 不是对象"),
    N_("数据不是 JSON：%(reason)s"),
    N_("应为一个 UTF-8 的 JSON 对象"),
    N_("缺少该键"),
    N_("请补上；null 表示不适用"),
    N_("%(value)s 不是代码列表"),
    N_("%(value)s 不是情形"),
    N_("%(value)s 晚于 as_of"),
    N_("%(ended)s 早于 %(began)s"),
    N_("%(value)s 不是列表"),
    N_("%(value)s 不是等级"),
    N_("%(value)s 不是代码"),
    N_("几个键中缺少一个"),
    N_("这些键互斥：%(words)s"),
    N_("恰好给出其一：%(words)s"),
    N_("数据不是对象"),
    N_("%(value)s 既非 true 也非 false"),
    N_("晚于 as_of"),
    N_("评分不预知此后的日子"),
    N_("%(scheme)s 没有违规代码 %(value)s"),
    N_("此处不能为 null"),
    N_("%(code)s 按 %(fact)s 扣分"),
    N_("%(value)s 为负数"),
    N_('以百分数表示，如 "94.9"'),
    N_("%(value)s 大于 %(most)s"),
    N_("本承包期内此前累计扣分"),
    N_("应为违规列表"),
    N_("至多 %(most)s 项；没有则写 []"),
    N_("每项违规都有该键"),
    N_("应为至多 200 字的文本"),
    N_("或 null"),
    N_("%(value)s 不是不小于 0 的整数"),
    N_("%(value)s 不在 1949 至 2949 年之间"),
    N_("没有则写 null"),
    N_("%(code)s 需要该键"),
    N_("%(code)s 不取 %(key)s"),
    N_("请删去，或更正代码"),
    N_("%(value)s 不是 %(code)s 的程度"),
    N_("%(value)s 不是日子"),
    N_("请写 YYYY-MM-DD，或带时区的时刻"),
    N_("%(value)s 超出范围"),
    N_("%(least)s 至 %(most)s"),
    N_("%(value)s 不是整数"),
    N_("%(value)s 不是允许的数值"),
    N_("%(value)s 不是可选答案"),
    N_("数据无法读取：%(reason)s"),
    N_("请给出文件，或用 - 表示标准输入"),
    N_("方案没有 rating 部分"),
    N_("方案没有规则：不扣分"),
    N_("没有名为 %(name)s 的方案"),
    N_("什么也不计"),
    N_("需要满分才能从中扣减"),
    N_("上限低于一次的分值"),
    N_("部分与总数同名"),
    N_("需要满分"),
    N_("每日至少计一起"),
    N_("什么也不检查"),
    N_("每次必须扣分"),
    N_("每起必须扣分"),
    N_("%(name)s 重复出现"),
    N_("权重必须为正"),
    N_("范围为空"),
    N_("%(value)s 在范围之外"),
    N_("没有答案给出满分 %(most)s"),
    N_("是与否分值相同"),
    N_("首行给 %(points)s 分，不是满分 %(most)s"),
    N_("分值须逐行递减"),
    N_("两端相同"),
    N_("of 与 count 须一并给出"),
    N_("需要最小值"),
    N_("最大值不是满分 %(most)s"),
    N_("%(points)s 分不在 0 至 %(most)s 之间"),
    N_("两个答案都不给满分 %(most)s"),
    N_("该行永远轮不到：前一行先符合"),
    N_("%(limit)s 超出该数的范围"),
    N_("既无 parts 也无 given"),
    N_("没有可受其限制的加分"),
    N_("什么也加不上"),
    N_("有加减分的须有满分"),
    N_("加权处须有 max"),
    N_("事实 %(fact)s 既是值又是对象"),
    N_("事实的键 %(name)s 用了两次"),
    N_("最后一档须接纳一切得分：不设限，或 at_least 0"),
    N_("须为 1 至 %(most)s"),
    N_("below、at_least、is 须恰有其一"),
    N_("没有指标读取 %(fact)s"),
    N_("%(fact)s 不是单个数字"),
    N_("%(limit)s 超出 %(fact)s 的范围：恒真或恒假"),
    N_("没有名为 %(name)s 的部分"),
    N_("各部分满分之和为 %(total)s，不等于 max %(most)s"),
    N_("各部分权重之和为 %(total)s，不等于 max %(most)s"),
    N_("部分 %(name)s 没有权重"),
    N_("部分 %(name)s 没有可供加权的满分"),
    N_("%(count)s 个部分的 id 为 %(name)s"),
    N_("%(count)s 个指标读取事实 %(fact)s"),
    N_("至少要有两组，且每个键只在一组"),
    N_("%(count)s 个档名为 %(name)s"),
    N_("%(name)s 是系统保留的名称"),
    N_("largest_at_most 需要各部分相加的得分"),
    N_("没有得分能同时不低于前者又不高于后者"),
    N_("永远轮不到：%(name)s 总先符合"),
    N_("%(limit)s 超出得分 0 至 %(most)s"),
    N_("没有名为 %(name)s 的档"),
    N_("%(name)s 是最好的档：不起限制作用"),
    N_("%(word)s 不是 %(fact)s 的答案"),
    N_("没有档用此名称"),
    N_("%(fact)s 是每项违规都有的键"),
    N_("variants 没有 %(name)s"),
    N_("start 须为正，repeat 不得为空，overdue_share 不得为负"),
    N_("thresholds 须自 0 以上递增"),
    N_("bands 须由最好的排到从 0 起的"),
    N_("%(name)s 永远达不到：每月从 %(start)s 分起"),
    N_("两个档同名"),
    N_("below 须递增"),
    N_("限值和 variants 都未说明程度"),
    N_("名为 %(name)s"),
    N_("分值不得为负"),
    N_("group_caps 没有 %(name)s"),
    N_("name 为 %(name)s"),
    N_("请写 %(word)s"),
    N_("文件不存在"),
    N_("`kitchen init` 可写出初始配置"),
    N_("文件无法读取：%(reason)s"),
    N_("文件不是 UTF-8"),
    N_("请存为 UTF-8"),
    N_("请更正 YAML"),
    N_("第 %(line)s 行第 %(column)s 列：%(reason)s"),
    N_("文件最外层应为键值对"),
    N_("该键必填"),
    N_("请补上"),
    N_("此键未知"),
    N_("请删去或更正拼写；已知的键见 configs/schemas/"),
    N_("请写 true 或 false"),
    N_("实为 %(value)s"),
    N_("%(value)s 不在 %(words)s 之中"),
    N_('请给数字加引号，如 "0.5"：不加引号就是二进制浮点数'),
    N_("应为数字：整数，或加引号、小数点前至多 9 位后至多 6 位"),
    N_("事实以点连接的键命名，如 indicators.I05"),
    N_("需要 at_least 或 at_most 之一"),
    N_("需要 each 或 kinds 之一"),
    N_("一条规则恰有一种：choice、yes_no、steps、subtract、count、ratio、linear、value、events 或 checks"),
    N_("%(id)s 有 rule，即为指标，不得有 %(key)s"),
    N_("%(id)s 需要 rule（指标），或 parts、given（由其他组成）"),
    N_("%(id)s 需要 raw：以文字说明原始值"),
    N_("%(id)s 不是指标：只有指标能加减分"),
    N_("得分不是指标：需要 parts"),
    N_("方案须有 rules（违规扣分）或 rating，或两者"),
    N_("rules 与 bands 须一并给出"),
    N_("没有语言 %(language)s"),
    N_("zh 或 en"),
    N_("方案不安排检查"),
    N_("请为各等级写明 `visits`"),
    N_("各等级的检查须全部按年计，或全部不按年计"),
    N_("方案不为等级 %(grade)s 安排检查"),
    N_("%(value)s 不是百分数"),
    N_("0 至 100"),
    N_("每行一个单位"),
    N_("%(value)s 不是数量"),
    N_("请写 green=40,blue=85"),
    N_("%(grade)s 计了两次"),
    N_("%(value)s 不是月份"),
    N_("请写 YYYY-MM，如 2026-11"),
    N_("年份不在 %(first)s 至 %(last)s 之间"),
    N_("%(value)s 不是编码种类"),
    N_("应为 RFC 3339 日期时间文本"),
    N_("时刻没有时区"),
    N_("请加 +08:00"),
    N_("%(value)s 不是 RFC 3339 日期时间"),
    N_("请写 2026-11-20T11:02:33+08:00"),
    N_("时刻超出历法"),
    N_("校验字符 %(character)s 正确"),
    N_("校验字符 %(character)s 正确；注意：内含机构代码 %(inner)s 的校验位不符"),
    N_("校验位 %(digit)s 正确"),
    N_("校验位 %(digit)s 正确；变重商品"),
    N_("批号为 1 至 20 个 A-Z、0-9 和 - 字符"),
    N_("1 至 20 个 A-Z、0-9 和 - 字符"),
    N_("设备种类加 8 位十六进制数"),
    N_("第 7 版 UUID"),
    N_("没有编码是这种形式"),
    N_("许可证编号为 JY 或 SC 加 14 位数字；此处字母后有 %(count)s 个字符"),
    N_("首位 %(digit)s 不是经营形式（1 销售，2 餐饮，3 单位食堂）"),
    N_("校验位应为 %(expected)s，不是 %(found)s"),
    N_("GTIN-14 为 14 位数字；此处有 %(count)s 个字符"),
    N_("追溯码为 20 个字符；此处有 %(count)s 个"),
    N_("%(character)s 不在字符集 %(alphabet)s 中"),
    N_("校验字符应为 %(expected)s，不是 %(found)s"),
    N_("事件编号为第 7 版 UUID"),
    N_("UUID 为第 %(version)s 版，不是第 7 版"),
    N_("UUID 不是 RFC 9562 的变体"),
    N_("应为统一社会信用代码"),
    N_("%(code)s 有 %(count)s 个字符，不是 18 个"),
    N_("%(code)s 含有 %(alphabet)s 之外的字符"),
    N_("%(code)s 末位应为 %(expected)s"),
    N_("%(value)s 不是设备编号：应为 cam、scl、sen、gw 或 kan，连字符和 8 位十六进制数"),
)
_HOLE = re.compile(r"%\\\((\w+)\\\)s")


def error_in(error: KitchenError, language: str) -> str:
    """An error as one line of a language: code or file and key, what is wrong, where, and what to do."""
    if language == "en":
        return str(error)
    match error:
        case BadInput():
            place = f"（{error.where}）" if error.where else ""
            return f"{error.code.value}: {clause_in(error.what, language)}{place}{_advice(error.hint, language)}"
        case ConfigurationError():
            place = "".join(f"{part}: " for part in (error.file, error.key) if part)
            lines = "\n".join(clause_in(line, language) for line in error.what.split("\n"))
            return f"{place}{lines}{_advice(error.hint, language)}"
        case _:
            return str(error)


def clause_in(clause: str, language: str) -> str:
    """An English clause in a language, with its hint in brackets and the place before a colon if it has them."""
    if language == "en":
        return clause
    told = _known(clause)
    if told is not None:
        return told
    what, bracket, hint = clause.rpartition(" (")
    if bracket and hint.endswith(")"):
        return f"{clause_in(what, language)}（{clause_in(hint[:-1], language)}）"
    place, colon, rest = clause.partition(": ")
    return f"{place}: {clause_in(rest, language)}" if colon else clause


def _advice(hint: str, language: str) -> str:
    return f"；{clause_in(hint, language)}" if hint else ""


def _known(clause: str) -> str | None:
    for form, message in _forms():
        found = form.fullmatch(clause)
        if found:
            return message % found.groupdict() if form.groups else message
    return None


@cache
def _forms() -> list[tuple[re.Pattern[str], str]]:
    """The English forms and their messages, the most particular first."""
    english = translator("en")
    forms = [(re.compile(_HOLE.sub(r"(?P<\1>.+?)", re.escape(english(message))), re.DOTALL), message) for message in _CLAUSES]
    return sorted(forms, key=lambda form: -len(_HOLE.sub("", re.escape(english(form[1])))))
