"""A builder of tiny scheme folders: sound as it stands, broken by one edit in each test."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

Tables = dict[str, list[list[str]]]

HEADERS = {
    "mdc.csv": "order,mdc,name,rule,ambiguous,sites",
    "adrg.csv": "mdc,order,adrg,kind,rule,name",
    "drg.csv": "adrg,order,drg,rule,name",
    "lists.csv": "owner,list,code",
    "severity.csv": "code,level,exclusion_list",
    "exclusions.csv": "exclusion_list,principal",
    "valid_procedures.csv": "code",
    "codes_extra.csv": "kind,code,name",
    "weights.csv": "drg,weight",
    "named_conditions.csv": "group,rule,words,source,note",
    "known_findings.csv": "check,file,subject,note",
    "system/diagnoses.csv": "code,name",
    "system/procedures.csv": "code,name",
    "system/diagnosis_map.csv": "insurance_code,code",
    "system/procedure_map.csv": "insurance_code,code",
}

MANIFEST = """\
# a comment that stays
title = "极小方案（虚构）"

[effective]
from = 2020-01-01

[code_system]
path = "system"

[options]
surgical_match = "main"
"""


def _sound() -> Tables:
    return {
        "mdc.csv": [
            [
                "1",
                "MDCZ",
                "多发创伤",
                "principal in any site and trauma_sites >= 2",
                "no",
                "头部|胸部",
            ],
            ["2", "MDCF", "循环系统", "principal in dx", "yes", ""],
        ],
        "adrg.csv": [
            ["MDCZ", "1", "ZZ1", "medical", "principal in dx", "多发创伤"],
            ["MDCF", "1", "FM1", "surgical", "main_procedure in proc", "支架置入"],
            ["MDCF", "2", "FR1", "medical", "principal in dx", "心力衰竭"],
            ["MDCF", "3", "FU1", "medical", "principal in dx", "冠心病"],
        ],
        "drg.csv": [
            ["ZZ1", "1", "ZZ19", "True", "多发创伤"],
            ["FM1", "1", "FM11", 'any_procedure in {"37.2200"}', "支架置入伴造影"],
            ["FM1", "2", "FM15", "True", "支架置入"],
            ["FR1", "1", "FR11", "mcc", "心力衰竭，伴严重并发症或合并症"],
            ["FR1", "2", "FR13", "mcc or cc", "心力衰竭，伴一般并发症或合并症"],
            ["FR1", "3", "FR15", "True", "心力衰竭"],
            ["FU1", "1", "FU19", "True", "冠心病"],
        ],
        "lists.csv": [
            ["FM1", "proc", "36.0700"],
            ["FR1", "dx", "I50.900"],
            ["FU1", "dx", "I21.000"],
            ["FU1", "dx", "I25.103"],
            ["MDCF", "dx", "I21.000"],
            ["MDCF", "dx", "I25.103"],
            ["MDCF", "dx", "I50.900"],
            ["MDCZ", "site_1", "S06.100"],
            ["MDCZ", "site_2", "S27.100"],
            ["ZZ1", "dx", "S06.100"],
        ],
        "severity.csv": [["E11.900", "CC", "1"], ["J96.000", "MCC", "2"]],
        "exclusions.csv": [["1", "E10.900"], ["2", "J43.900"]],
        "valid_procedures.csv": [["36.0700"], ["37.2200"]],
        "system/diagnoses.csv": [
            [code, f"诊断{code}"]
            for code in [
                "E10.900",
                "E11.900",
                "I21.000",
                "I25.103",
                "I50.900",
                "J43.900",
                "J96.000",
                "S06.100",
                "S27.100",
            ]
        ],
        "system/procedures.csv": [["36.0700", "支架"], ["37.2200", "造影"]],
        "system/diagnosis_map.csv": [["I50.900x001", "I50.900"]],
        "system/procedure_map.csv": [["36.0700", "36.0700"]],
    }


@dataclass
class TinyScheme:
    """A scheme folder to be: `tables` and `manifest` are edited, then written."""

    folder: Path
    tables: Tables = field(default_factory=_sound)
    manifest: str = MANIFEST

    def write(self) -> Path:
        """Write the folder and return its path."""
        for file, rows in self.tables.items():
            path = self.folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w", encoding="utf-8", newline="") as stream:
                writer = csv.writer(stream, lineterminator="\n")
                writer.writerow(HEADERS[file].split(","))
                writer.writerows(rows)
        (self.folder / "manifest.toml").write_text(self.manifest, encoding="utf-8")
        return self.folder


@pytest.fixture
def tiny(tmp_path: Path) -> TinyScheme:
    return TinyScheme(tmp_path / "tiny")


Edit = Callable[[TinyScheme], object]
