"""Rough clinical knowledge for invented cases: how common, at what age, which sex, how often again.

Frequencies are per 100,000 discharges of a large city, guessed from what is generally known; no
register was read. They shape sample data and nothing else: no payment is computed from them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


def _words(text: str) -> dict[str, str]:
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


def _pairs(text: str) -> dict[str, float]:
    return {word: float(number) for word, number in _words(text).items()}


def _shares_and_stays(text: str) -> dict[str, tuple[float, int]]:
    words = zip(*[iter(text.split())] * 3, strict=True)
    return {code: (float(share), int(stays)) for code, share, stays in words}


# ICD-10 category → discharges for treatment without an operation
CATEGORY = _pairs("""
A02 30 A04 40 A08 250 A09 500 A15 120 A16 150 A41 150 A49 60 A53 40 B00 30 B02 250 B08 150 B16 20
B18 300 B20 60 B24 40 B27 60 B34 120 B37 30 B99 60 C15 120 C16 330 C18 250 C19 30 C20 230 C22 330
C23 30 C24 50 C25 110 C32 30 C34 900 C44 60 C49 25 C50 350 C53 150 C54 80 C56 130 C61 150 C64 60
C67 120 C71 70 C73 80 C77 60 C78 120 C79 150 C83 120 C85 60 C90 90 C91 80 C92 100 D24 40 D25 60
D46 40 D50 120 D61 50 D64 120 D69 150 D70 40 E03 80 E04 60 E05 120 E10 60 E11 2600 E14 100 E16 40
E78 30 E87 130 F01 60 F03 40 F06 80 F10 150 F20 700 F25 60 F31 200 F32 350 F33 80 F41 350 F45 60
F51 80 G20 120 G30 60 G40 250 G43 60 G44 120 G45 350 G47 150 G50 60 G51 180 G61 50 G62 60 G80 60
G93 60 H16 60 H25 50 H34 60 H35 60 H40 80 H66 60 H81 350 H91 300 H93 80 I10 900 I11 250 I20 1500
I21 300 I25 1900 I26 80 I42 120 I44 60 I47 90 I48 300 I49 250 I50 600 I60 60 I61 350 I62 60
I63 3200 I65 100 I66 150 I67 450 I69 900 I70 150 I80 150 I82 80 J02 60 J03 350 J04 60 J06 650
J10 150 J11 120 J12 150 J15 500 J18 2600 J20 1000 J21 120 J22 150 J40 450 J42 120 J43 60 J44 1500
J45 300 J47 250 J69 60 J84 180 J90 60 J93 60 J96 150 J98 120 K21 150 K25 250 K26 120 K29 800
K31 60 K35 150 K50 50 K51 60 K52 350 K56 450 K59 100 K63 60 K64 80 K70 60 K74 250 K76 200 K80 500
K81 250 K83 80 K85 350 K92 250 L02 60 L03 120 L30 80 L40 70 L50 100 M06 150 M10 180 M17 180
M32 100 M35 60 M45 60 M47 250 M48 100 M50 200 M51 550 M53 80 M54 220 M75 120 M79 60 M80 100
M81 120 M87 60 N04 100 N10 90 N13 150 N18 700 N20 200 N23 60 N39 250 N40 150 N73 120 N83 60
N92 60 N93 100 O00 90 O02 90 O03 80 O04 90 O14 60 O20 200 O21 80 O24 120 O26 60 O34 100 O36 80
O41 60 O42 200 O47 120 O48 60 O60 90 O68 60 O69 120 O70 120 O72 60 O80 900 O82 150 O99 150
P07 250 P22 90 P23 120 P55 40 P58 60 P59 450 P70 40 P92 40 Q21 30 R04 60 R07 80 R10 150 R31 50
R42 250 R50 200 R55 100 R56 100 R91 200 S00 150 S01 80 S02 100 S05 60 S06 450 S09 80 S20 80
S22 350 S27 80 S30 50 S32 250 S36 50 S42 80 S52 100 S62 40 S72 120 S82 160 S83 80 S92 80 S93 60
T00 40 T20 20 T30 30 T43 50 T60 80 T63 60 T78 60 T81 60 T93 50 Z03 30 Z08 150 Z09 150 Z35 60
Z47 450 Z49 60 Z50 400 Z51 3500
""")
RARE_CATEGORY = 4.0
# the commonest code of its category, where that is not the one with the shortest name
_TYPICAL = """
I10.x00x002 I25.103 I20.000 I63.900 I21.900 I48.x01 J18.900 J44.100 E11.900 K80.100 Z51.102
C34.900 O82.000 O80.000 H25.900 K29.500 M51.202 F20.900 N18.900 I50.900 P59.900 J44.900 Z37.000
13.4100x001 51.2300 47.0100 74.1x01 99.2500 88.5500 36.0700 81.5400 45.4300 E87.600 K52.900
E86.x00 O99.000 O99.800 N39.000 I48.900 J98.400 C78.000 C78.700 D69.600
"""
TYPICAL = frozenset(_TYPICAL.split())

# beginning of an ICD-9-CM-3 code → stays with it as main procedure
PROCEDURE = _pairs("""
00.66 400 01.24 100 02.1 20 03.0 80 04.43 30 06.2 80 06.3 30 06.4 120 08.3 40 11.3 60 12.6 60
13.41 1200 14.2 60 14.7 150 15.1 20 16.3 10 18.2 25 19.4 40 20.4 40 21.0 60 21.5 80 21.6 80
21.7 30 22.2 80 22.6 150 26.2 30 26.3 40 28.2 100 28.3 80 28.6 30 30.0 100 31.1 40 32.2 200
32.3 120 32.4 150 33.2 400 34.0 150 35.2 40 36.0 560 36.1 60 37.2 60 37.3 150 37.8 60 37.7 40
37.9 15 38.5 150 38.9 80 39.2 120 39.5 200 39.7 100 39.9 400 40.3 80 41.3 30 41.5 20 42.3 60
43.4 120 43.6 30 43.7 50 43.9 60 44.4 60 45.4 1400 45.6 60 45.7 120 46.4 20 47.0 700 48.3 60
48.5 40 48.6 100 49.1 50 49.3 20 49.4 350 50.2 120 50.3 30 51.2 1000 51.4 40 51.8 200 52.5 15
53.0 300 53.1 200 53.4 40 54.1 40 54.2 30 54.5 50 55.0 150 55.4 40 55.5 60 56.0 600 57.4 150
59.8 300 60.2 150 60.5 25 64.0 200 65.2 100 65.4 40 66.6 60 67.3 150 68.1 100 68.2 120 68.4 150
68.6 30 69.0 600 69.5 60 70.5 40 72.1 60 72.7 30 73.6 300 73.5 60 74.0 200 74.1 1900 74.3 30
75.3 20 75.6 400 75.9 20 77.8 30 78.5 40 78.6 350 79.0 60 79.1 100 79.3 1100 80.2 100 80.5 150
80.6 80 81.0 120 81.4 80 81.5 300 81.6 250 82.4 30 83.1 20 83.6 40 84.0 20 85.2 300 85.4 120
86.0 60 86.2 200 86.3 250 86.6 60 86.7 30 88.4 200 88.5 900 92.2 350 96.7 60 98.5 150 99.1 120
99.25 1500 99.28 80
""")
RARE_PROCEDURE = 2.0

# MDC → how readily a case with a procedure listed in several MDCs falls into this one
PROCEDURE_SHARE = {"P": 0.003, "Z": 0.01, "R": 0.02, "V": 0.06, "W": 0.03, "A": 0.02, "Y": 0.01}

# ADRG of MDC A that is no rarity, by name → share of all stays
SHARE_OF_MDC_A = {"有创呼吸机支持≥96小时": 7e-4}
# part of a group that asks for a delivery beside any principal diagnosis of its MDC
PART_OF_BESIDE = 0.5
# word of a DRG's name → part of its ADRG's cases with the combination that it asks for
PART_OF_ADRG = {"无痛": 0.35, "机械臂": 0.08, "联合": 0.06}
USUAL_PART = 0.04
# word of a group's name → share of its stays with intensive care
INTENSIVE = {"呼吸机": 0.9, "ECMO": 0.95}

# --- age, sex ------------------------------------------------------------------------------------

AGE_CLASSES = ("newborn", "infant", "child", "young", "mother", "adult", "middle", "old", "all")
# parts of a class: weight, mean, spread, least, most (years)
_AGE_PARTS: Mapping[str, tuple[tuple[float, float, float, int, int], ...]] = {
    "newborn": ((1, 0, 1, 0, 0),),
    "infant": ((1, 0, 1, 0, 0),),
    "child": ((0.8, 3, 3, 0, 14), (0.2, 10, 3, 4, 16)),
    "young": ((0.4, 10, 5, 1, 18), (0.6, 32, 12, 16, 70)),
    "mother": ((1, 30, 4.5, 17, 47),),
    "adult": ((1, 43, 13, 16, 80),),
    "middle": ((0.9, 60, 12, 22, 92), (0.1, 45, 14, 16, 80)),
    "old": ((1, 71, 11, 35, 100),),
    "all": ((0.22, 4, 3.5, 0, 15), (0.28, 45, 17, 15, 80), (0.5, 69, 12, 35, 100)),
}
_CATEGORY_AGE = {
    "child": "A08 A37 A38 B05 B08 B27 F84 F90 G80 J03 J05 J20 J21 J35 H65 K40 M30 P Q",
    "young": "A15 F1 F4 F5 H52 J34 J93 K35 K60 L7 N47 S0 S5 S6 S8",
    "adult": "A53 B2 D24 D25 E05 F2 F3 J36 K64 K61 L N7 N8 N9 M2 M32 N2 S T",
    "old": "E77 F0 G20 G30 H25 H26 H40 I48 I50 I6 I7 J43 J44 J47 J69 J96 M17 M80 M81 N40 S32 S72",
    "all": "A0 A4 B J0 J1 J4 J98 G4 H6 R5 E86 K52 K56 Z09",
    "middle": "C D E F G H I K M N R Z",
}
AGE_OF_CATEGORY = {
    prefix: name for name, prefixes in _CATEGORY_AGE.items() for prefix in prefixes.split()
}

_FEMALE = "C51 C52 C53 C54 C55 C56 C57 C58 D25 D26 D27 D28 N7 N8 N9 O Z34 Z35 Z36 Z37 Z39"
_MALE = "C60 C61 C62 C63 D29 N40 N41 N42 N43 N44 N45 N46 N47 N48 N49 N50 N51"
FEMALE_ONLY, MALE_ONLY = tuple(_FEMALE.split()), tuple(_MALE.split())
FEMALE_PROCEDURES = tuple(str(i) for i in range(65, 76))
MALE_PROCEDURES = tuple(str(i) for i in range(60, 65))
FEMALE_SHARE = _pairs("""
C50 0.99 C73 0.78 C34 0.38 C22 0.25 C16 0.32 C15 0.25 C67 0.22 E03 0.8 E04 0.78 E05 0.75 F10 0.06
F20 0.48 F3 0.63 F4 0.63 I21 0.26 I25 0.42 I20 0.45 J44 0.25 J43 0.2 K35 0.45 K40 0.1 K70 0.05
K80 0.56 M06 0.78 M10 0.08 M17 0.73 M32 0.9 M35 0.85 M80 0.8 M81 0.85 N20 0.36 N39 0.68 S 0.38
T 0.42 B20 0.15 B24 0.15 D50 0.7 G43 0.7 J 0.43 I 0.47 C 0.44 H 0.54 G 0.47 R 0.5
""")

# --- again and again -----------------------------------------------------------------------------

# category → (share of stays by returning patients, stays of such a patient in a year)
AGAIN = _shares_and_stays("""
Z51 0.95 7 C 0.6 4 N18 0.7 4 J44 0.6 2 I50 0.6 2 E11 0.5 2 I25 0.5 2 I20 0.4 2 I63 0.3 2 I69 0.6 3
F2 0.8 3 F3 0.5 2 B18 0.5 2 K74 0.6 3 M06 0.6 3 M32 0.6 4 D46 0.8 6 D61 0.7 6 G80 0.8 5 Z49 0.9 6
J47 0.5 2 J84 0.5 3 I48 0.3 2 I11 0.4 2 I10 0.3 2 K51 0.5 3 K50 0.5 4 Z50 0.6 4 G20 0.4 2 N04 0.5 3
M45 0.5 3 E10 0.5 3 J45 0.3 2 I67 0.3 2 F0 0.5 3
""")
AGAIN_PROCEDURE = _shares_and_stays("99.25 0.95 7 99.28 0.9 6 92.2 0.6 2 39.95 0.9 6 37.2 0.1 2")

# beginnings of procedures done in a day, and the share of such stays
DAY_SURGERY = _pairs("""
13.41 0.6 08 0.4 11.3 0.5 45.4 0.25 49.4 0.2 53.0 0.2 53.1 0.2 28.2 0.2 28.3 0.2 38.5 0.25
64.0 0.5 68.1 0.4 69.0 0.5 78.6 0.2 80.2 0.15 80.6 0.1 85.2 0.4 86.3 0.4 98.5 0.5 56.0 0.1
67.3 0.4 15.1 0.4 04.4 0.4 21.7 0.3 51.2 0.04 43.4 0.2
""")

# --- seasons and weekdays ------------------------------------------------------------------------

SEASONS = ("flat", "winter", "summer", "cold")
MONTHS: Mapping[str, tuple[float, ...]] = {
    "flat": (0.94, 0.80, 1.06, 1.03, 1.02, 1.00, 1.03, 1.02, 1.0, 0.98, 1.04, 1.06),
    "winter": (1.45, 1.15, 1.2, 1.0, 0.85, 0.7, 0.65, 0.65, 0.75, 0.9, 1.2, 1.5),
    "summer": (0.7, 0.65, 0.8, 0.9, 1.1, 1.3, 1.45, 1.4, 1.2, 1.0, 0.8, 0.7),
    "cold": (1.2, 1.0, 1.12, 1.0, 0.95, 0.88, 0.84, 0.84, 0.9, 0.98, 1.1, 1.2),
}
DISCHARGE_WEEKDAYS = (1.05, 1.08, 1.08, 1.1, 1.25, 0.9, 0.54)  # Monday … Sunday
SEASON_OF_CATEGORY = {
    **dict.fromkeys(("J0", "J1", "J2", "J4", "J9", "B34"), "winter"),
    **dict.fromkeys(("A0", "B08", "L0", "L2", "L5", "N2", "T6", "K52"), "summer"),
    **dict.fromkeys(("I", "G45"), "cold"),
}

# --- secondary diagnoses -------------------------------------------------------------------------

BANDS = ("child", "young", "middle", "older", "oldest")
BAND_FROM = (0, 16, 45, 65, 80)
MEAN_SECONDARY = (0.8, 1.1, 2.4, 3.8, 4.6)
CHANCE_MCC = (0.05, 0.05, 0.09, 0.15, 0.2)
CHANCE_CC = (0.15, 0.17, 0.25, 0.32, 0.36)
# beginning → weight by band
_COMORBIDITY = """
I10 0 15 120 260 280 | E11.9 0 6 60 110 90 | E78.5 0 12 50 60 40 | I25.1 0 1 20 90 130
K76.0 1 25 50 35 12 | I69.3 0 0 8 35 60 | I63.8 0 0 10 45 60 | I70.2 0 0 6 25 30
I67.2 0 0 6 30 45 | K29.5 2 15 25 25 20 | K21.9 0 6 12 12 10 | K63.5 0 5 18 20 10
K80.2 0 8 18 22 22 | N28.1 0 5 18 30 30 | N40 0 0 10 40 50 | E04.1 0 12 30 30 20
E79.0 1 10 15 15 12 | M81.9 0 0 8 30 40 | M47.8 0 4 12 18 15 | M51.2 0 6 12 14 10
J98.4 6 8 14 20 24 | R91 2 10 22 25 22 | J31.0 8 4 2 1 1 | J06.9 14 4 3 3 3 | D64.9 8 10 14 22 30
D50.9 8 8 6 5 6 | E87.6 5 8 14 22 28 | E77.8 1 4 10 22 34 | R73.9 0 3 6 6 5 | K59.0 6 4 6 12 18
H25.9 0 0 3 12 16 | F51.0 0 5 10 12 12 | F41.9 0 6 8 6 4 | Z95.5 0 0 6 20 20 | Z98.8 1 6 10 12 10
Z90.4 0 3 8 10 8 | Z85.0 0 1 5 8 8 | Z92.1 0 1 4 8 8 | I49.9 1 4 6 12 16 | K52.9 8 3 3 3 3
E86 6 3 3 5 8 | R50.9 8 3 3 3 4 | L30.9 5 3 3 4 4 | Q21.1 3 1 0 0 0 | B96.8 2 2 3 5 6
"""
COMORBIDITY: tuple[tuple[str, tuple[float, ...]], ...] = tuple(
    (words[0], tuple(map(float, words[1:])))
    for words in map(str.split, _COMORBIDITY.strip().replace("\n", "|").split("|"))
)
# beginnings of the codes that make a stay severe (MCC) or less simple (CC)
MAJOR = _pairs("""
J96 60 A41 40 R57 12 N17 30 I50 30 J18 30 J15 25 E87 20 K72 12 I26 10 I21 12 J80 8 I46 8 K92 15
D65 6 G93 12 J69 15 N18 15 C78 15 C79 20 C77 10 K65 8 J90 10 I47 4 K56 4 E43 5 E46 4 D70 6 I63 8
I61 4
""")
COMPLICATION = _pairs("""
E11 40 I48 25 I50 12 J90 15 N39 25 G81 6 K92 10 I27 6 J98 8 L89 4 D62 8 D69 8 E87 12 N18 25
J44 25 R18 6 C78 12 C77 10 C79 10 I25 20 K76 6 F05 3 E16 4 I63 6 J18 8 J40 4 N13 8 K80 8 E05 4
M06 4 G20 4 B18 6 K74 6 I49 5 J47 4 H40 2 G40 4 I20 10 I82 5 I70 5 R56 3 E10 2 E14 3 D61 2 K56 1
""")
SPECIAL = ("mother", "newborn", "injury", "tumour", "mind")
# codes that belong to a special kind of stay: beginning → weight
SPECIAL_COMMON: Mapping[str, dict[str, float]] = {
    "mother": _pairs("""
Z37.0 200 O34.2 40 O99.0 40 O69.1 30 O42.0 25 O24.4 30 O70.0 40 O70.1 15 O36.8 10 O41.0 10 O48 6
Z35.5 15 O99.8 10 O32.1 10 O99.2 20 O26.8 10 O23.9 5 D25.9 5 O60.1 4
"""),
    "newborn": _pairs("""
P59.9 80 P07.3 25 P39.9 15 P92.9 12 P70.4 10 Q21.1 25 P61.2 4 P28.4 5 P83.5 6 P12.0 6 P74.9 5
P08.1 5 Q25.0 15 P96.8 3 R17 3 P05.1 5 P15.8 2
"""),
    "injury": _pairs("""
S00.9 20 S01.0 15 T14.0 25 T14.1 15 S20.2 15 S30.0 8 S40.0 6 S80.0 8 S60.2 6 T07 2 S93.4 4
S61.0 6 D64.9 15 I10 40 E11.9 15 E77.8 12 E87.6 10 R52.0 6
"""),
    "tumour": _pairs("""
Z51.8 10 C77.9 12 R52 10 D70 10 D64.9 25 E77.8 20 K76.0 8 R11 10 D69.6 8 Z85.1 4 Z90.1 6 Z98.8 12
I10 60 E11.9 25 Z92.2 10 Z80.0 2 E87.6 8 K29.5 6 R91 6 J98.4 8
"""),
    "mind": _pairs("""
I10 40 E11.9 20 E78.5 20 K76.0 20 K59.0 25 F51.0 15 E66.9 6 G24.0 10 E03.9 4 R45.8 6 K29.5 6
E87.6 6 D64.9 5 G25.8 4 K02.9 4
"""),
}
# letters whose CC and MCC codes fit each kind of patient
SEVERITY_LETTERS: Mapping[str, str] = {
    "child": "ABDEGJKLRQ",
    "young": "ABCDEFGIJKLMNR",
    "middle": "ABCDEFGIJKLMNR",
    "older": "ABCDEFGIJKLMNR",
    "oldest": "ABCDEFGIJKLMNR",
    "mother": "O",
    "newborn": "PQ",
    "injury": "SJEDKNA",
    "tumour": "CJDEKNA",
    "mind": "JEIKNG",
}
NOT_OF_CHILDREN = ("E11", "E14", "G20", "G81", "L89", "J44", "J43")
COMMON_EXAMINATIONS = _pairs("""
88.7 40 87.4 40 89.5 40 88.76 30 87.03 20 88.9 25 88.0 20 90.5 15 93.3 10 93.0 6 99.21 10
99.04 12 96.0 4 45.1 10 45.2 8 89.1 4 88.3 6 93.9 6 57.9 6 99.18 4
""")

# --- departments ---------------------------------------------------------------------------------

DEPARTMENTS = _words("""
A 重症医学科 B 神经内科 C 眼科 D 耳鼻咽喉科 E 呼吸内科 F 心血管内科 G 消化内科 H 肝胆外科 I 骨科 J 皮肤科
K 内分泌科 L 肾内科 M 泌尿外科 N 妇科 O 产科 P 新生儿科 Q 血液内科 R 肿瘤科 S 感染科 T 精神科 U 精神科
V 急诊外科 W 烧伤科 X 康复医学科 Y 感染科 Z 急诊外科
""")
SURGICAL_DEPARTMENTS = _words(
    "B 神经外科 E 胸外科 F 心血管外科 G 普通外科 J 普通外科 K 甲状腺外科 L 泌尿外科"
)


def longest_match(code: str, table: Mapping[str, object]) -> str:
    """Return the longest key of a table that a code begins with, empty when none does.

    >>> longest_match("I25.103", {"I": 0, "I25": 1})
    'I25'
    """
    for length in range(min(len(code), 5), 0, -1):
        if code[:length] in table:
            return code[:length]
    return ""


def age_distribution(name: str) -> NDArray[np.float64]:
    """Return the shares of the ages 0 … 100 in an age class."""
    ages = np.arange(101)
    total = np.zeros(101)
    for weight, mean, spread, least, most in _AGE_PARTS[name]:
        part = np.exp(-0.5 * ((ages - mean) / spread) ** 2)
        part[(ages < least) | (ages > most)] = 0
        total += weight * part / part.sum()
    shares: NDArray[np.float64] = total / total.sum()
    return shares
