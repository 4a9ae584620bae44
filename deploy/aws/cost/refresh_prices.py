"""Sets `prices.yaml` straight by AWS's price list API: `python -m cost.refresh_prices [--write]`.

Needs credentials that may call `pricing:GetProducts`. `queries.yaml` says how each price is found;
what it does not
name stays as it is, unchecked. Without `--write` it only says what would change.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import boto3
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
API_REGION = "us-east-1"
"""Where the price list API answers; the prices are those of every region."""


def filters(query: dict[str, str], region: str) -> list[dict[str, str]]:
    """Return the filters of one question, in the API's words."""
    wanted = {"regionCode": region, **query}
    return [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted.items()]


def on_demand(product: str) -> Iterator[float]:
    """Yield the prices on demand, in US dollars, that a product of the price list has.

    Free tiers left out.
    """
    terms = json.loads(product).get("terms", {}).get("OnDemand", {})
    for term in terms.values():
        for dimension in term["priceDimensions"].values():
            usd = float(dimension["pricePerUnit"].get("USD", 0))
            if usd > 0:
                yield usd


def asked(pricing: Any, query: dict[str, str], region: str) -> float | None:
    """Return the highest price that the API knows (the first step of a graduated one).

    None where it knows none.
    """
    query = dict(query)
    code = query.pop("service")
    answer = pricing.get_products(ServiceCode=code, Filters=filters(query, region), MaxResults=100)
    found = [usd for product in answer["PriceList"] for usd in on_demand(product)]
    return max(found) if found else None


def refreshed(
    pricing: Any, rows: list[dict[str, Any]], queries: dict[str, dict[str, str]], today: str
) -> list[str]:
    """Correct `rows` in place; return a sentence for each price that changed or was not found."""
    said = []
    for row in rows:
        query = queries.get(row["key"])
        if query is None:
            continue
        known = {region: asked(pricing, query, region) for region in row["usd"]}
        missing = [region for region, usd in known.items() if usd is None]
        if missing:
            said.append(f"{row['key']}: not found in {', '.join(missing)}")
            continue
        for region, usd in known.items():
            if usd != row["usd"][region]:
                said.append(f"{row['key']} in {region}: {row['usd'][region]} -> {usd}")
        row.update(usd=known, verified=True, retrieved=today)
    return said


def main(arguments: list[str]) -> None:
    """Ask, say what differs, and write where `--write` asks for it."""
    path = HERE / "prices.yaml"
    head = [line for line in path.read_text().splitlines() if line.startswith("#")]
    rows = cast("list[dict[str, Any]]", yaml.safe_load(path.read_text()))
    queries = cast("dict[str, dict[str, str]]", yaml.safe_load((HERE / "queries.yaml").read_text()))
    today = dt.datetime.now(dt.UTC).date().isoformat()
    for sentence in refreshed(
        boto3.client("pricing", region_name=API_REGION), rows, queries, today
    ):
        sys.stdout.write(sentence + "\n")
    if "--write" in arguments:
        path.write_text("\n".join(head) + "\n\n" + yaml.safe_dump(rows, sort_keys=False))


if __name__ == "__main__":
    main(sys.argv[1:])
