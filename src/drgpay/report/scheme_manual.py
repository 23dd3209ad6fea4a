"""A scheme's definitions manual: pages to browse and search, from its tables alone, offline."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup, escape

from drgpay import __version__
from drgpay.ground.errors import in_language
from drgpay.ground.languages import choosing
from drgpay.ground.outputs import file_names, whole_folder
from drgpay.names.readings import OPEN_READINGS
from drgpay.schemes.load import is_sealed
from drgpay.schemes.remarks import remark
from drgpay.schemes.rules import RuleSyntaxError, members, parse_rule
from drgpay.schemes.tables import AdrgRow, DrgRow, MdcRow, Scheme
from drgpay.schemes.words import ADRG_KINDS, rule_in_words

from .pages import TEMPLATES, folded, rendered, table
from .texts import Words


class Manual:
    """The pages of one scheme in one language."""

    def __init__(self, scheme: Scheme, lang: str = "zh") -> None:
        self.scheme = scheme
        self.lang = lang
        self.t = choosing(lang)
        self.words = Words(lang)
        self.codes = {
            "d": [str(c) for c in scheme.diagnoses.codes.to_pylist()],
            "p": [str(c) for c in scheme.procedures.codes.to_pylist()],
        }
        self.names = {
            "d": [str(n or "") for n in scheme.diagnoses.names.to_pylist()],
            "p": [str(n or "") for n in scheme.procedures.names.to_pylist()],
        }
        self.name_of = dict(zip(self.codes["d"], self.names["d"], strict=True))
        self.drgs: dict[str, list[DrgRow]] = defaultdict(list)
        for drg in scheme.drgs:
            self.drgs[drg.adrg_key].append(drg)
        self.pages = file_names(mdc.mdc for mdc in scheme.mdcs)
        self.adrgs: dict[str, list[AdrgRow]] = defaultdict(list)
        for adrg in scheme.adrgs:
            self.adrgs[adrg.mdc].append(adrg)

    @property
    def title(self) -> str:
        """The scheme's title in the manual's language."""
        english = str(self.scheme.manifest.get("title_en", self.scheme.title))
        return self.t(self.scheme.title, english)

    def write(self, folder: Path) -> int:
        """Write all pages; return how many files there are."""
        digest = self.scheme.digest[:12]
        style = rendered("report.css.j2", w=self.words, print_mark="", run_digest=digest)
        style += (TEMPLATES / "manual.css.j2").read_text(encoding="utf-8")
        (folder / "style.css").write_text(style, encoding="utf-8", newline="\n")
        (folder / "mdc").mkdir()
        script = (TEMPLATES / "manual_search.js").read_text(encoding="utf-8")
        (folder / "search.js").write_text(script, encoding="utf-8", newline="\n")
        (folder / "codes.js").write_text(self._index_script(), encoding="utf-8", newline="\n")
        self._page(
            folder / "index.html", "", self.t("定义手册", "Definitions manual"), self._index()
        )
        for mdc in self.scheme.mdcs:
            path = folder / "mdc" / self.pages[mdc.mdc]
            self._page(path, "../", f"{mdc.mdc} {mdc.name}", self._mdc(mdc))
        for name, title, body in (
            ("severity.html", self.t("MCC与CC", "MCC and CC"), self._severity()),
            ("exclusions.html", self.t("排除表", "Exclusion lists"), self._exclusions()),
            ("valid.html", self.t("有效手术操作", "Valid procedures"), self._valid()),
        ):
            self._page(folder / name, "", title, body)
        return len(self.scheme.mdcs) + 7

    def _page(self, path: Path, root: str, title: str, body: Markup) -> None:
        pages = [
            ("index.html", self.t("目录与检索", "Contents and search")),
            ("severity.html", self.t("MCC与CC", "MCC and CC")),
            ("exclusions.html", self.t("排除表", "Exclusion lists")),
            ("valid.html", self.t("有效手术操作", "Valid procedures")),
        ]
        index = path.name == "index.html"
        text = rendered(
            "manual.html.j2",
            w=self.words,
            title=title,
            scheme_title=self.title,
            root=root,
            pages=pages,
            facts=self._facts() if index else [],
            body=body,
            script=index,
            footer=f"{self.scheme.id} · {self.scheme.digest[:12]} · drgpay {__version__}",
        )
        path.write_text(text, encoding="utf-8", newline="\n")

    def _facts(self) -> list[tuple[str, str]]:
        s = self.scheme
        effective = s.manifest.get("effective", {})
        first, last = effective.get("from", ""), effective.get("to")
        period = f"{first} – {last}" if last else self.t(f"{first} 起", f"from {first}")
        if not effective.get("verified", True):
            period += self.t("（未核实）", " (not verified)")
        sealed = (
            self.t("与封存一致", "as sealed") if is_sealed(s) else self.t("未封存", "not sealed")
        )
        return [
            (self.t("发布", "publisher"), str(s.manifest.get("publisher", ""))),
            (self.t("施行", "effective"), period),
            *([(self.t("基础方案", "base"), s.base)] if s.base else []),
            *(
                (in_language(reading.title, self.lang), self._choice(name))
                for name, reading in OPEN_READINGS.items()
            ),
            (
                self.t("组", "groups"),
                f"MDC {len(s.mdcs)}, ADRG {len({a.adrg for a in s.adrgs})}, "
                f"DRG {len({d.drg for d in s.drgs})}",
            ),
            (self.t("摘要码", "digest"), f"{s.digest[:12]} ({sealed})"),
        ]

    def _choice(self, name: str) -> str:
        """Return the choice of a reading, in words and as options name it."""
        choice = self.scheme.options[name]
        said = in_language(OPEN_READINGS[name].choices[choice], self.lang)
        return self.t(f"{said}（{name} = {choice}）", f"{said} ({name} = {choice})")

    # --- pages ---------------------------------------------------------------------------------

    def _index(self) -> Markup:
        s = self.scheme
        parts = []
        if s.draft:
            parts.append(
                Markup('<aside class="banner warning"><strong>{}</strong></aside>').format(
                    self.t("征求意见稿，未正式施行", "A draft, not in force")
                )
            )
        parts.append(
            Markup(
                '<section id="search"><h2>{}</h2><p><input id="find" type="search" '
                'placeholder="{}" aria-label="{}" autocomplete="off"></p>'
                '<div id="found" aria-live="polite"></div></section>'
            ).format(
                self.t("检索", "Search"),
                self.t("编码、名称或组代码，如 I50 或 心力衰竭", "a code, a name or a group"),
                self.t("检索", "Search"),
            )
        )
        how = [
            self.t(
                "MDC按下表的顺序判断；在条件成立的MDC中，ADRG按页内顺序判断；"
                "ADRG的条件成立且有一个DRG的条件成立时入组，DRG取第一个成立的。",
                "MDCs are tried in this order; in an MDC that holds, its ADRGs in the order of the "
                "page; an ADRG takes the case when it holds and one of its DRGs does, the first.",
            ),
            self.t("所有手术都参与匹配。", "Every procedure is matched.")
            if s.surgical_match == "any"
            else self.t("主要手术参与匹配。", "The main procedure is matched."),
        ]
        if s.retry:
            how.append(
                self.t(
                    "未入组而有其他手术的病例，依次按其他手术单独再试。",
                    "A case that nothing took is tried again by each further procedure alone.",
                )
            )
        lang = self.lang
        known = s.manifest.get("known_differences", {}).values()
        notes = [in_language(remark(note), lang) for some in known for note in some]
        notes += [
            f"{d['drg']} {d['name']}: {in_language(remark(d['remark']), lang)}" for d in s.doubts
        ]
        rows = [
            (
                str(place),
                Markup('<a href="mdc/{}">{}</a>').format(quote(self.pages[mdc.mdc]), mdc.mdc),
                mdc.name,
                self._said(mdc.rule),
                str(len({a.adrg for a in self.adrgs[mdc.mdc]})),
                str(len({d.drg for a in self.adrgs[mdc.mdc] for d in self.drgs[a.key]})),
            )
            for place, mdc in enumerate(s.mdcs, 1)
        ]
        heads = [
            self.t("顺序", "order"), "MDC", self.t("名称", "name"), self.t("条件", "condition"),
            "ADRG", "DRG",
        ]  # fmt: skip
        parts.append(
            Markup("<section><h2>{}</h2>{}{}</section>").format(
                self.t("主要诊断大类", "Major diagnostic categories"),
                Markup().join(Markup("<p>{}</p>").format(line) for line in how),
                self._table(heads, rows),
            )
        )
        if notes:
            parts.append(
                Markup("<section><h2>{}</h2><ul>{}</ul></section>").format(
                    self.t("与公布文本或来源的已知差别、存疑", "Known differences and doubts"),
                    Markup().join(Markup("<li>{}</li>").format(note) for note in notes),
                )
            )
        return Markup().join(parts)

    def _mdc(self, mdc: MdcRow) -> Markup:
        place = [m.mdc for m in self.scheme.mdcs].index(mdc.mdc) + 1
        ambiguous = {
            "yes": self.t("任一有效手术操作", "any valid procedure"),
            "main": self.t("主要手术为有效手术操作", "a valid main procedure"),
        }.get(mdc.ambiguous)
        head = [
            Markup("<p>{}</p>").format(
                self.t(f"判断顺序第{place}个。", f"Number {place} in order.")
            ),
            self._rule(mdc.rule, mdc.mdc),
        ]
        if ambiguous:
            head.append(
                Markup("<p>{}</p>").format(
                    self.t(
                        f"歧义组 {mdc.letter}QY：没有外科ADRG收下而有{ambiguous}的病例。",
                        f"Ambiguous group {mdc.letter}QY: no surgical ADRG took it, but there is "
                        f"{ambiguous}.",
                    )
                )
            )
        rules = [mdc.rule]
        head.append(self._lists(mdc.mdc, rules))
        for i, site in enumerate(mdc.sites, 1):
            head.append(self._list(mdc.mdc, f"site_{i}", site))
        rows = [
            (
                Markup('<a href="#{}">{}</a>').format(a.key, a.key),
                a.name,
                self._kind(a),
                " ".join(d.drg for d in self.drgs[a.key]),
            )
            for a in self.adrgs[mdc.mdc]
        ]
        heads = ["ADRG", self.t("名称", "name"), self.t("类型", "kind"), "DRG"]
        body = Markup("<section><h2>{}</h2>{}{}</section>").format(
            self.t("条件", "Condition"), Markup().join(head), self._table(heads, rows)
        )
        return body + Markup("<section><h2>ADRG</h2>{}</section>").format(
            Markup().join(self._adrg(a) for a in self.adrgs[mdc.mdc])
        )

    def _table(self, heads: Sequence[str], rows: Sequence[Sequence[str | Markup]]) -> Markup:
        return table([(head, "text") for head in heads], rows, self.lang, "groups")

    def _adrg(self, adrg: AdrgRow) -> Markup:
        drgs = self.drgs[adrg.key]
        rows = [(d.key, d.name, self._said(d.rule)) for d in drgs]
        heads = [
            "DRG",
            self.t("名称", "name"),
            self.t("条件（第一个成立的入组）", "condition, first to hold"),
        ]
        return Markup(
            '<div class="adrg" id="{}"><h3><code>{}</code>{}<span class="kind">{}</span></h3>'
            "{}{}{}</div>"
        ).format(
            adrg.key,
            adrg.key,
            adrg.name,
            self._kind(adrg),
            self._rule(adrg.rule, adrg.key),
            self._table(heads, rows),
            self._lists(adrg.key, [adrg.rule])
            + Markup().join(
                self._lists(owner, rules, owner if owner != adrg.key else "")
                for owner, rules in self._by_owner(drgs).items()
            ),
        )

    def _by_owner(self, drgs: Iterable[DrgRow]) -> dict[str, list[str]]:
        """Return the rules of DRGs by whose lists they name."""
        found: dict[str, list[str]] = {}
        for drg in drgs:
            found.setdefault(self.scheme.lists_of(drg), []).append(drg.rule)
        return found

    def _kind(self, adrg: AdrgRow) -> str:
        kind = self.t(*ADRG_KINDS[adrg.kind]) if adrg.kind in ADRG_KINDS else adrg.kind
        if not self.scheme.base:
            return kind
        return f"{kind} · {self.scheme.folder.comes_from('adrg.csv', adrg.row)}"

    def _said(self, rule: str) -> str:
        try:
            return rule_in_words(parse_rule(rule), self.lang)
        except RuleSyntaxError:
            return rule

    def _rule(self, rule: str, group: str) -> Markup:
        shown = Markup('<p class="rule">{}<code class="written">{}</code></p>').format(
            self._said(rule), rule
        )
        assumed = self.scheme.named_conditions.get(group)
        if assumed is None:
            return shown
        return shown + Markup('<p class="note">{}</p>').format(
            in_language(assumed.told(), self.lang)
            + self.t("；按公布的列表：", "; as published: ")
            + self._said(assumed.tabled)
        )

    def _lists(self, owner: str, rules: Iterable[str], title: str = "") -> Markup:
        names: dict[str, None] = {}
        for rule in rules:
            try:
                for member in members(parse_rule(rule)):
                    if member.list_name:
                        names[member.list_name] = None
            except RuleSyntaxError:
                continue
        return Markup().join(
            self._list(owner, name, title) for name in names if name != "valid_procedures"
        )

    def _list(self, owner: str, name: str, title: str) -> Markup:
        kind = "p" if name.startswith("proc") else "d"
        ids = dict.fromkeys(self.scheme.list_ids(owner, name).tolist())
        what = self.t("手术操作", "procedures") if kind == "p" else self.t("诊断", "diagnoses")
        label = f"{self.t('列表', 'list')} {name}" if not title else f"{title}（{name}）"
        return folded(
            self.t(f"{label}：", f"{label}: "),
            f"{len(ids):,} {what}",
            self._items(kind, ids),
        )

    def _items(self, kind: str, ids: Iterable[int]) -> Markup:
        codes, names = self.codes[kind], self.names[kind]
        parts = ['<ul class="codes">']
        for i in ids:
            parts.append(f"<li><b>{escape(codes[i - 1])}</b>{escape(names[i - 1])}</li>")
        parts.append("</ul>")
        return Markup("".join(parts))

    def _severity(self) -> Markup:
        levels: dict[str, dict[str, list[tuple[str, str]]]] = {"MCC": {}, "CC": {}}
        rows = zip(
            *(self.scheme.severity[c].to_pylist() for c in ("code", "level", "exclusion_list")),
            strict=True,
        )
        for code, level, exclusion in sorted(rows):
            levels.setdefault(level, {}).setdefault(code[:1], []).append((code, exclusion))
        head = self.t(
            "其他诊断在此表中、且主要诊断不在其排除表中时计入。",
            "A secondary diagnosis of this table counts unless the principal diagnosis is on its "
            "exclusion list.",
        )
        parts = [Markup("<p>{}</p>").format(head)]
        for level, chapters in levels.items():
            blocks = []
            for chapter, codes in sorted(chapters.items()):
                items = "".join(
                    f"<li><b>{escape(code)}</b>{escape(self.name_of.get(code, ''))} "
                    f'<a href="exclusions.html#e{escape(exclusion)}">{escape(exclusion)}</a></li>'
                    for code, exclusion in codes
                )
                blocks.append(
                    folded(chapter, f"  {len(codes):,}", Markup(f'<ul class="codes">{items}</ul>'))
                )
            number = sum(len(codes) for codes in chapters.values())
            parts.append(
                Markup("<section><h2>{} <span class=small>{}</span></h2>{}</section>").format(
                    level, f"{number:,}", Markup().join(blocks)
                )
            )
        return Markup().join(parts)

    def _exclusions(self) -> Markup:
        lists: dict[str, list[str]] = defaultdict(list)
        for number, code in zip(
            *(self.scheme.exclusions[c].to_pylist() for c in ("exclusion_list", "principal")),
            strict=True,
        ):
            lists[number].append(code)
        users: dict[str, int] = defaultdict(int)
        for number in self.scheme.severity["exclusion_list"].to_pylist():
            users[number] += 1
        parts = [
            Markup("<p>{}</p>").format(
                self.t(
                    "主要诊断在某表中时，引用该表的MCC、CC编码不计入。",
                    "When the principal diagnosis is on a list, the codes that name it do not count.",
                )
            ),
            Markup("<section>"),
        ]
        for number, codes in sorted(lists.items(), key=lambda item: (len(item[0]), item[0])):
            items = "".join(
                f"<li><b>{escape(code)}</b>{escape(self.name_of.get(code, ''))}</li>"
                for code in sorted(codes)
            )
            note = self.t(
                f"  {len(codes):,} 个主要诊断，{users[number]:,} 个编码引用",
                f"  {len(codes):,} principals, named by {users[number]:,} codes",
            )
            label = self.t(f"排除表 {number}", f"list {number}")
            parts.append(
                Markup('<div id="e{}">{}</div>').format(
                    number, folded(label, note, Markup(f'<ul class="codes">{items}</ul>'))
                )
            )
        parts.append(Markup("</section>"))
        return Markup().join(parts)

    def _valid(self) -> Markup:
        chapters: dict[str, list[int]] = defaultdict(list)
        for number in dict.fromkeys(self.scheme.valid_procedures.tolist()):
            chapters[self.codes["p"][number - 1][:2]].append(number)
        return Markup("<section>{}</section>").format(
            Markup().join(
                folded(chapter, f"  {len(ids):,}", self._items("p", ids))
                for chapter, ids in sorted(chapters.items())
            )
        )

    # --- search --------------------------------------------------------------------------------

    def _index_script(self) -> str:
        """Return groups and codes with the groups whose lists hold them."""
        pages = {code: f"mdc/{quote(name)}" for code, name in self.pages.items()}
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


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")


def write_manual(scheme: Scheme, folder: Path, lang: str = "zh") -> int:
    """Write a scheme's definitions manual into a new folder; return how many files it has.

    The pages need no network. The folder appears when it is whole. Raises InputError when there is
    something at its place already.
    """
    with whole_folder(folder) as temporary:
        return Manual(scheme, lang).write(temporary)
