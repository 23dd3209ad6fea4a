"""A scheme's definitions manual: pages to browse and search, from its tables alone, offline."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup, escape

from drgpay import __version__
from drgpay.ground.errors import in_language
from drgpay.ground.languages import choosing
from drgpay.ground.outputs import file_names, whole_folder
from drgpay.names.codes import UNVERIFIED
from drgpay.names.readings import OPEN_READINGS
from drgpay.schemes.load import is_sealed
from drgpay.schemes.remarks import remark
from drgpay.schemes.rules import RuleSyntaxError, members, parse_rule
from drgpay.schemes.tables import AdrgRow, DrgRow, MdcRow, Scheme
from drgpay.schemes.words import ADRG_KINDS, rule_in_words

from .pages import TEMPLATES, folded, rendered, table


class Manual:
    """The pages of one scheme in one language; its templates ask it for their tables and lists."""

    def __init__(self, scheme: Scheme, lang: str = "zh") -> None:
        self.scheme = scheme
        self.lang = lang
        self.t = choosing(lang)
        kinds = {"d": scheme.diagnoses, "p": scheme.procedures}
        self.codes = {kind: [str(c) for c in t.codes.to_pylist()] for kind, t in kinds.items()}
        self.names = {
            kind: [str(n or "") for n in t.names.to_pylist()] for kind, t in kinds.items()
        }
        self.name_of = dict(zip(self.codes["d"], self.names["d"], strict=True))
        self.drgs: dict[str, list[DrgRow]] = defaultdict(list)
        for drg in scheme.drgs:
            self.drgs[drg.adrg_key].append(drg)
        self.files = file_names(mdc.mdc for mdc in scheme.mdcs)
        self.adrgs: dict[str, list[AdrgRow]] = defaultdict(list)
        for adrg in scheme.adrgs:
            self.adrgs[adrg.mdc].append(adrg)

    @property
    def title(self) -> str:
        """The scheme's title in the manual's language."""
        english = str(self.scheme.manifest.get("title_en", self.scheme.title))
        return self.t(self.scheme.title, english)

    def pages(self) -> dict[str, str]:
        """The titles of the pages that every page names, by their files."""
        return {
            "index.html": self.t("目录与检索", "Contents and search"),
            "severity.html": self.t("MCC与CC", "MCC and CC"),
            "exclusions.html": self.t("排除表", "Exclusion lists"),
            "valid.html": self.t("有效手术操作", "Valid procedures"),
        }

    def write(self, folder: Path) -> int:
        """Write all pages; return how many files there are."""
        digest = self.scheme.digest[:12]
        style = rendered("report.css.j2", self.lang, print_mark="", run_digest=digest)
        style += (TEMPLATES / "manual.css.j2").read_text(encoding="utf-8")
        script = (TEMPLATES / "manual_search.js").read_text(encoding="utf-8")
        files = {"style.css": style, "search.js": script, "codes.js": self._index_script()}
        title = self.t("定义手册", "Definitions manual")
        files["index.html"] = self._page("index", "", title, index=True)
        for place, mdc in enumerate(self.scheme.mdcs, 1):
            name = f"mdc/{self.files[mdc.mdc]}"
            title = f"{mdc.mdc} {mdc.name}"
            files[name] = self._page("mdc", "../", title, mdc=mdc, place=place)
        pages = self.pages()
        for name, made in (
            ("severity.html", self._severity()),
            ("exclusions.html", self._exclusions()),
            ("valid.html", self._valid()),
        ):
            files[name] = self._page("codes", "", pages[name], **made)
        (folder / "mdc").mkdir()
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
        return len(files)

    def _page(
        self, template: str, root: str, title: str, *, index: bool = False, **facts: Any
    ) -> str:
        return rendered(
            f"manual_{template}.html.j2",
            self.lang,
            manual=self,
            title=title,
            root=root,
            index=index,
            version=__version__,
            **facts,
        )

    def facts(self) -> list[tuple[str, str]]:
        """What stands at the head of the manual."""
        s, t = self.scheme, self.t
        effective = s.manifest.get("effective", {})
        first, last = effective.get("from", ""), effective.get("to")
        period = f"{first} – {last}" if last else t(f"{first} 起", f"from {first}")
        if not effective.get("verified", True):
            period += t(UNVERIFIED.chinese, str(UNVERIFIED))
        sealed = t("与封存一致", "as sealed") if is_sealed(s) else t("未封存", "not sealed")
        groups = (
            f"MDC {len(s.mdcs)}, ADRG {len({a.adrg for a in s.adrgs})}, "
            f"DRG {len({d.drg for d in s.drgs})}"
        )
        return [
            (t("发布", "publisher"), str(s.manifest.get("publisher", ""))),
            (t("施行", "effective"), period),
            *([(t("基础方案", "base"), s.base)] if s.base else []),
            *(
                (in_language(reading.title, self.lang), self._choice(name))
                for name, reading in OPEN_READINGS.items()
            ),
            (t("组", "groups"), groups),
            (t("摘要码", "digest"), f"{s.digest[:12]} ({sealed})"),
        ]

    def _choice(self, name: str) -> str:
        """Return the choice of a reading, in words and as options name it."""
        choice = self.scheme.options[name]
        said = in_language(OPEN_READINGS[name].choices[choice], self.lang)
        return self.t(f"{said}（{name} = {choice}）", f"{said} ({name} = {choice})")

    # --- what the pages show -------------------------------------------------------------------

    def notes(self) -> list[str]:
        """Known differences to the published text, and doubts."""
        known = self.scheme.manifest.get("known_differences", {}).values()
        notes = [in_language(remark(note), self.lang) for some in known for note in some]
        return notes + [
            f"{d['drg']} {d['name']}: {in_language(remark(d['remark']), self.lang)}"
            for d in self.scheme.doubts
        ]

    def mdc_table(self) -> Markup:
        """The MDCs in order."""
        heads = [
            self.t("顺序", "order"), "MDC", self.t("名称", "name"), self.t("条件", "condition"),
            "ADRG", "DRG",
        ]  # fmt: skip
        link = Markup('<a href="mdc/{}">{}</a>')
        rows = [
            (
                str(place),
                link.format(quote(self.files[mdc.mdc]), mdc.mdc),
                mdc.name,
                self.said(mdc.rule),
                str(len({a.adrg for a in self.adrgs[mdc.mdc]})),
                str(len({d.drg for a in self.adrgs[mdc.mdc] for d in self.drgs[a.key]})),
            )
            for place, mdc in enumerate(self.scheme.mdcs, 1)
        ]
        return self._table(heads, rows)

    def adrg_table(self, mdc: MdcRow) -> Markup:
        """The ADRGs of an MDC."""
        link = Markup('<a href="#{0}">{0}</a>')
        rows = [
            (link.format(a.key), a.name, self.kind(a), " ".join(d.drg for d in self.drgs[a.key]))
            for a in self.adrgs[mdc.mdc]
        ]
        return self._table(["ADRG", self.t("名称", "name"), self.t("类型", "kind"), "DRG"], rows)

    def drg_table(self, drgs: Sequence[DrgRow]) -> Markup:
        """The DRGs of an ADRG."""
        condition = self.t("条件（第一个成立的入组）", "condition, first to hold")
        rows = [(d.key, d.name, self.said(d.rule)) for d in drgs]
        return self._table(["DRG", self.t("名称", "name"), condition], rows)

    def _table(self, heads: Sequence[str], rows: Sequence[Sequence[str | Markup]]) -> Markup:
        return table([(head, "text") for head in heads], rows, self.lang, "groups")

    def by_owner(self, drgs: Iterable[DrgRow]) -> dict[str, list[str]]:
        """Return the rules of DRGs by whose lists they name."""
        found: dict[str, list[str]] = {}
        for drg in drgs:
            found.setdefault(self.scheme.lists_of(drg), []).append(drg.rule)
        return found

    def kind(self, adrg: AdrgRow) -> str:
        """What kind of group it is, and in an overlay which scheme it comes from."""
        kind = self.t(*ADRG_KINDS[adrg.kind]) if adrg.kind in ADRG_KINDS else adrg.kind
        if not self.scheme.base:
            return kind
        return f"{kind} · {self.scheme.folder.comes_from('adrg.csv', adrg.row)}"

    def said(self, rule: str) -> str:
        """A rule in words; as written where it is no rule."""
        try:
            return rule_in_words(parse_rule(rule), self.lang)
        except RuleSyntaxError:
            return rule

    def lists(self, owner: str, rules: Iterable[str], title: str = "") -> Markup:
        """The lists of codes that rules name, folded away."""
        names: dict[str, None] = {}
        for rule in rules:
            try:
                named = [m.list_name for m in members(parse_rule(rule)) if m.list_name]
            except RuleSyntaxError:
                continue
            names |= dict.fromkeys(named)
        return Markup().join(
            self.code_list(owner, name, title) for name in names if name != "valid_procedures"
        )

    def code_list(self, owner: str, name: str, title: str) -> Markup:
        """A list of codes, folded away."""
        kind = "p" if name.startswith("proc") else "d"
        ids = dict.fromkeys(self.scheme.list_ids(owner, name).tolist())
        what = self.t("手术操作", "procedures") if kind == "p" else self.t("诊断", "diagnoses")
        label = f"{self.t('列表', 'list')} {name}" if not title else f"{title}（{name}）"
        label = self.t(f"{label}：", f"{label}: ")
        return folded(label, f"{len(ids):,} {what}", self._items(kind, ids))

    def _items(self, kind: str, ids: Iterable[int]) -> Markup:
        return _code_items((self.codes[kind][i - 1], self.names[kind][i - 1]) for i in ids)

    def _severity(self) -> dict[str, Any]:
        """MCC and CC by chapter, each code with its exclusion list."""
        levels: dict[str, dict[str, list[tuple[str, str]]]] = {"MCC": {}, "CC": {}}
        columns = (self.scheme.severity[c].to_pylist() for c in ("code", "level", "exclusion_list"))
        for code, level, exclusion in sorted(zip(*columns, strict=True)):
            levels.setdefault(level, {}).setdefault(code[:1], []).append((code, exclusion))
        link = Markup('{} <a href="exclusions.html#e{}">{}</a>')
        parts = []
        for level, chapters in levels.items():
            blocks = [
                ("", chapter, f"{len(codes):,}", _code_items(
                    (code, link.format(self.name_of.get(code, ""), other, other))
                    for code, other in codes
                ))
                for chapter, codes in sorted(chapters.items())
            ]  # fmt: skip
            parts.append((level, f"{sum(len(codes) for codes in chapters.values()):,}", blocks))
        lead = self.t(
            "其他诊断在此表中、且主要诊断不在其排除表中时计入。",
            "A secondary diagnosis of this table counts unless the principal diagnosis is on its "
            "exclusion list.",
        )
        return {"lead": lead, "parts": parts}

    def _exclusions(self) -> dict[str, Any]:
        """The exclusion lists, each with its principal diagnoses."""
        lists: dict[str, list[str]] = defaultdict(list)
        columns = (self.scheme.exclusions[c].to_pylist() for c in ("exclusion_list", "principal"))
        for number, code in zip(*columns, strict=True):
            lists[number].append(code)
        users = Counter(self.scheme.severity["exclusion_list"].to_pylist())
        blocks = []
        for number, codes in sorted(lists.items(), key=lambda item: (len(item[0]), item[0])):
            note = self.t(
                f"{len(codes):,} 个主要诊断，{users[number]:,} 个编码引用",
                f"{len(codes):,} principals, named by {users[number]:,} codes",
            )
            label = self.t(f"排除表 {number}", f"list {number}")
            items = _code_items((code, self.name_of.get(code, "")) for code in sorted(codes))
            blocks.append((f"e{number}", label, note, items))
        lead = self.t(
            "主要诊断在某表中时，引用该表的MCC、CC编码不计入。",
            "When the principal diagnosis is on a list, the codes that name it do not count.",
        )
        return {"lead": lead, "parts": [("", "", blocks)]}

    def _valid(self) -> dict[str, Any]:
        """The valid procedures by chapter."""
        chapters: dict[str, list[int]] = defaultdict(list)
        for number in dict.fromkeys(self.scheme.valid_procedures.tolist()):
            chapters[self.codes["p"][number - 1][:2]].append(number)
        blocks = [
            ("", chapter, f"{len(ids):,}", self._items("p", ids))
            for chapter, ids in sorted(chapters.items())
        ]
        return {"lead": "", "parts": [("", "", blocks)]}

    # --- search --------------------------------------------------------------------------------

    def _index_script(self) -> str:
        """Return groups and codes with the groups whose lists hold them."""
        pages = {code: f"mdc/{quote(name)}" for code, name in self.files.items()}
        places = {a.key: f"{pages[a.mdc]}#{quote(a.key)}" for a in self.scheme.adrgs}
        places = pages | places
        rows: list[tuple[str, str, str, str]] = [
            ("g", m.mdc, m.name, places[m.mdc]) for m in self.scheme.mdcs
        ]
        rows += [("g", a.key, a.name, places[a.key]) for a in self.scheme.adrgs]
        seen: set[str] = set()
        for drg in self.scheme.drgs:
            if drg.drg not in seen:
                seen.add(drg.drg)
                rows.append(("g", drg.drg, drg.name, places.get(drg.adrg_key, "")))
        groups: dict[tuple[str, int], dict[str, None]] = defaultdict(dict)
        for (owner, name), ids in self.scheme.lists.items():
            kind = "p" if name.startswith("proc") else "d"
            for number in ids.tolist():
                groups[(kind, number)][owner] = None
        for kind in ("d", "p"):
            for number, (code, name) in enumerate(
                zip(self.codes[kind], self.names[kind], strict=True), 1
            ):
                rows.append((kind, code, name, " ".join(groups.get((kind, number), {}))))
        kinds = {
            "g": self.t("组", "group"),
            "d": self.t("诊断", "diagnosis"),
            "p": self.t("手术操作", "procedure"),
        }
        notes = [
            self.t("前 {} 项", "the first {}"),
            self.t("没有找到", "nothing found"),
        ]
        lines = [
            f"const {name} = {_json(value)};"
            for name, value in (("KINDS", kinds), ("NOTES", notes), ("PLACES", places))
        ]
        body = ",\n".join(_json(row) for row in rows)
        return "\n".join([*lines, f"const CODES = [\n{body}\n];", ""])


def _code_items(codes: Iterable[tuple[str, str]]) -> Markup:
    """A list of codes with their names."""
    items = "".join(f"<li><b>{escape(code)}</b>{escape(name)}</li>" for code, name in codes)
    return Markup(f'<ul class="codes">{items}</ul>')


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")


def write_manual(scheme: Scheme, folder: Path, lang: str = "zh") -> int:
    """Write a scheme's definitions manual into a new folder; return how many files it has.

    The pages need no network. The folder appears when it is whole. Raises InputError when there is
    something at its place already.
    """
    with whole_folder(folder) as temporary:
        return Manual(scheme, lang).write(temporary)
