"""The cost model.

Every type priced or free, totals as published, more load never cheaper, budgets from it.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any, cast

import pytest
import yaml

from cost import model, pricing, refresh_prices, report
from cost.lines import CostError, prices, usage
from proof import synthesise
from proof.assembly import Assembly, Stack

PROFILES = synthesise.PROFILES
GOLDEN_USD = report.BUDGETS


@pytest.fixture(scope="module")
def found() -> dict[str, model.Estimate]:
    """Return the estimate of each profile."""
    return report.estimates()


@pytest.mark.parametrize("profile", PROFILES)
def test_every_type_is_priced_or_free(profile: str) -> None:
    """Each type of the templates is in one of the two lists, and in one only."""
    types = set(synthesise.fresh(profile).types())
    assert types <= set(pricing.PRICED) | set(model.free())
    assert set(pricing.PRICED) & set(model.free()) == set()


def test_unknown_type_fails_the_model() -> None:
    """A type nobody priced is an error that says where to add it, not a zero."""
    template = cast(
        "dict[str, Any]", {"Resources": {"New": {"Type": "AWS::Brand::New", "Properties": {}}}}
    )
    assembly = Assembly(
        synthesise.HERE, (Stack("one", "one", "eu-west-1", "111111111111", template, True),)
    )
    with pytest.raises(CostError, match=r"AWS::Brand::New.*cost/free\.yaml"):
        model.estimate(assembly, usage("small"))


def test_unknown_price_fails_the_model() -> None:
    """An instance class without a price is an error, not a zero."""
    body = {"Type": "AWS::RDS::DBInstance", "Properties": {"DBInstanceClass": "db.x99.huge"}}
    template = cast("dict[str, Any]", {"Resources": {"Db": body}})
    assembly = Assembly(
        synthesise.HERE, (Stack("one", "one", "eu-west-1", "111111111111", template, True),)
    )
    with pytest.raises(CostError, match=r"aurora\.db\.x99\.huge"):
        model.estimate(assembly, usage("small"))


def test_one_known_bill_to_the_cent() -> None:
    """Two keys that rotate, a secret and a gateway cost what their prices say, without any load."""
    resources = {
        "A": {"Type": "AWS::KMS::Key", "Properties": {"EnableKeyRotation": True}},
        "B": {"Type": "AWS::SecretsManager::Secret", "Properties": {}},
        "C": {"Type": "AWS::EC2::NatGateway", "Properties": {}},
    }
    template = cast("dict[str, Any]", {"Resources": resources})
    assembly = Assembly(
        synthesise.HERE, (Stack("one", "one", "eu-central-1", "111111111111", template, True),)
    )
    assert model.estimate(assembly, usage("small", 0.0)).total() == pytest.approx(
        2 * 1.00 + 0.40 + 730 * 0.052
    )


def test_totals_are_as_published(found: dict[str, model.Estimate]) -> None:
    """The base of each profile is, to the dollar, the figure in cost/budgets.json."""
    assert report.budgets(found) == json.loads(GOLDEN_USD.read_text())


@pytest.mark.parametrize("profile", PROFILES)
def test_dearer_load_never_costs_less(profile: str) -> None:
    """The more trades, the more it costs.

    So in every profile, from none to a hundred times as many.
    """
    assembly, base = synthesise.fresh(profile), usage(profile).trades_per_second
    totals = [
        model.estimate(assembly, usage(profile, base * times)).total()
        for times in (0, 0.1, 1, 3, 10, 100)
    ]
    assert all(less < more for less, more in pairwise(totals)), totals


def test_low_base_and_high_are_in_order(found: dict[str, model.Estimate]) -> None:
    """Half the load costs no more than the expected one, twice the load no less; line by line."""
    for each in found.values():
        assert each.total("low") < each.total() < each.total("high")
        for line in each.lines:
            assert each.usd(line, "low") <= each.usd(line) <= each.usd(line, "high"), line


def test_a_plan_saves(found: dict[str, model.Estimate]) -> None:
    """One-year plans save something in every profile, and never more than a third."""
    for name, each in found.items():
        assert 0.66 * each.total() < each.total(plan=True) < each.total(), name


def test_profiles_stay_under_their_caps(found: dict[str, model.Estimate]) -> None:
    """Each profile costs no more than its usage file says it may; a larger one costs more."""
    for name, each in found.items():
        assert each.total() <= usage(name).cap_usd, f"{name}: {each.total():,.0f} USD"
    assert found["small"].total() < found["standard"].total() < found["full"].total()


def test_report_names_the_dearest_first(found: dict[str, model.Estimate]) -> None:
    """Services come in the order of what they cost, and together they are the whole."""
    by = found["full"].by(report.service)
    assert list(by.values()) == sorted(by.values(), reverse=True)
    assert sum(by.values()) == pytest.approx(found["full"].total())


def test_tables_are_fresh(found: dict[str, model.Estimate]) -> None:
    """docs/cost.md is what the model says today."""
    assert report.PAGE.read_text() == report.page(found, report.switches()), "run `make aws-cost`"


def test_every_switch_has_a_price() -> None:
    """What each switch adds to small and takes off full was measured; none saves money."""
    added = report.switches()
    on = [each for each, value in profile_switches("full").items() if value]
    off = [each for each, value in profile_switches("small").items() if not value]
    assert sorted(added["full"]) == sorted(on), "run `make aws-cost`"
    assert sorted(added["small"]) == sorted(off), "run `make aws-cost`"
    assert all(usd >= 0 for each in added.values() for usd in each.values())


def profile_switches(name: str) -> dict[str, bool]:
    """Return the switches of a profile."""
    import tomllib  # noqa: PLC0415  only here

    text = (synthesise.HERE / f"profiles/{name}.toml").read_text()
    return cast("dict[str, bool]", tomllib.loads(text)["switches"])


@pytest.mark.parametrize("profile", PROFILES)
def test_budgets_of_the_templates_come_from_the_model(profile: str) -> None:
    """The month's budget in the templates is the model's base and a fifth, from the same file."""
    budgets = synthesise.fresh(profile).resources("AWS::Budgets::Budget")
    month = [each for each in budgets if each.get("Budget.BudgetType") == "COST"]
    limits = {float(str(each.get("Budget.BudgetLimit.Amount"))) for each in month}
    assert limits == {float(json.loads(report.BUDGETS.read_text())[profile]["budget_usd"])}


def test_prices_say_where_they_come_from() -> None:
    """Every price names its page and day, and says whether somebody checked it.

    Keys are sorted and single.
    """
    rows = yaml.safe_load((synthesise.HERE / "cost/prices.yaml").read_text())
    keys = [each["key"] for each in rows]
    assert keys == sorted(set(keys))
    assert len(keys) >= 80
    for each in rows:
        assert each["source_url"].startswith("https://aws.amazon.com/"), each["key"]
        assert isinstance(each["verified"], bool), each["key"]
        assert all(usd > 0 for usd in each["usd"].values()), each["key"]
    assert all(0 <= each.save < 0.5 for each in prices().values())


PRODUCT = json.dumps(
    {
        "terms": {
            "OnDemand": {"a": {"priceDimensions": {"b": {"pricePerUnit": {"USD": "0.2500000000"}}}}}
        }
    }
)


class PriceList:
    """Answers as the price list API does, for one instance class."""

    def get_products(self, **question: Any) -> dict[str, list[str]]:
        """Return one product for the class that is known, none for others."""
        asked = {each["Field"]: each["Value"] for each in question["Filters"]}
        known = (question["ServiceCode"], asked.get("instanceType"))
        return {"PriceList": [PRODUCT] if known == ("AmazonRDS", "db.r7g.large") else []}


def test_refreshing_sets_prices_straight() -> None:
    """A price that the API knows is corrected and marked as checked.

    Others stay as they are and are said.
    """
    queries = yaml.safe_load((synthesise.HERE / "cost/queries.yaml").read_text())
    rows = yaml.safe_load((synthesise.HERE / "cost/prices.yaml").read_text())
    assert set(queries) <= {each["key"] for each in rows}
    said = refresh_prices.refreshed(PriceList(), rows, queries, "2030-01-01")
    row = next(each for each in rows if each["key"] == "aurora.db.r7g.large")
    assert row["usd"] == {"eu-west-1": 0.25, "eu-central-1": 0.25}
    assert (row["verified"], row["retrieved"]) == (True, "2030-01-01")
    assert any("aurora.db.r7g.large in eu-west-1: 0.313 -> 0.25" in each for each in said)
    other = next(each for each in rows if each["key"] == "aurora.db.t4g.medium")
    assert other["verified"] is False
