"""The JMeter plan is XML of its form, and names routes and members that exist."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest

from tallystick.api import OPERATIONS
from tallystick.execution import PlaceOrder, parse_request

PLAN = Path(__file__).resolve().parents[1] / "jmeter" / "orders.jmx"
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "load-testing.md"
SAMPLER = "HTTPSamplerProxy"


@pytest.fixture
def root() -> ET.Element:
    """The plan's root element."""
    return ET.parse(PLAN).getroot()  # noqa: S314  our own file


def text(element: ET.Element, name: str) -> str:
    """The value of one property below an element."""
    found = element.find(f".//stringProp[@name='{name}']")
    assert found is not None, name
    return found.text or ""


def test_every_element_is_followed_by_its_subtree(root: ET.Element) -> None:
    """JMeter's form: inside a hashTree each test element stands before a hashTree of its own."""
    assert (root.tag, root.get("jmeter")) == ("jmeterTestPlan", "5.6.3")
    for tree in root.iter("hashTree"):
        tags = [child.tag for child in tree]
        assert len(tags) % 2 == 0
        assert all(tag != "hashTree" for tag in tags[::2])
        assert all(tag == "hashTree" for tag in tags[1::2])
    for element in root.iter():
        if element.get("guiclass"):
            assert element.get("testclass")


def test_its_requests_are_operations_of_the_product(root: ET.Element) -> None:
    """Method and path of each sampler are described in OpenAPI."""
    known = {(operation.method, operation.path) for operation in OPERATIONS}
    asked = [
        (text(one, "HTTPSampler.method"), text(one, "HTTPSampler.path"))
        for one in root.iter(SAMPLER)
    ]
    assert asked
    assert set(asked) <= known


def test_its_body_is_an_order(root: ET.Element) -> None:
    """With JMeter's expressions filled in, the body passes the product's door."""
    values = {
        r"\$\{run\}": "jmeter-1700000000000", r"\$\{number\}": "000000001",
        r"\$\{account\}": "demo", r"\$\{pair\}": "EUR/USD", r"\$\{__groovy\(.*?,\)\}": "buy",
        r"\$\{__Random\(100000,999999,\)\}": "250000",
    }  # fmt: skip
    for sampler in root.iter(SAMPLER):
        body = text(sampler, "Argument.value")
        for expression, value in values.items():
            body = re.sub(expression, value, body)
        assert "${" not in body
        order = parse_request(msgspec.json.decode(body.encode(), type=PlaceOrder))
        assert order.client_order_id == "jmeter-1700000000000-000000001"


def test_the_guide_names_its_parameters() -> None:
    """Each -J of the plan stands in the guide, and each of the guide in the plan."""
    asked = set(re.findall(r"__P\((\w+)", PLAN.read_text()))
    named = set(re.findall(r"-J(\w+)=", GUIDE.read_text()))
    assert asked == named
