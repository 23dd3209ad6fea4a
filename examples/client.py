"""Previews a case by the typed client: group, points, payment, what would change it."""

from __future__ import annotations

import os

from drgpay.client import Client

CASE = {
    "sex": "F",
    "age_years": 64,
    "diagnoses": ["K22.301", "E11.900"],
    "procedures": ["96.0800x005"],
    "los_days": 6,
    "discharge_date": "2024-06-15",
    "pool": "390",
    "total_cost": "8123.45",
    "pool_fund": "4874.07",
}


def main() -> None:
    """Ask for one case, and for it coded otherwise."""
    url = os.environ.get("DRGPAY_URL", "http://127.0.0.1:8000")
    with Client(url, os.environ["DRGPAY_KEY"]) as drg:
        case = {**CASE, "hospital_id": drg.me()["hospital_id"]}
        answer = drg.preview(case, explain=True)
        print(answer["drg"]["code"], answer["drg"]["name"])
        print("points", answer["points"], "expected fen", answer["expected_fen"])
        for note in answer["notes"]:
            print("note", note["text"])
        for one in drg.compare(case, [{"name": "E11.900", "diagnoses": ["E11.900", "K22.301"]}]):
            print(one["name"] or "as coded", one["drg"]["code"], one["difference_fen"])


if __name__ == "__main__":
    main()
