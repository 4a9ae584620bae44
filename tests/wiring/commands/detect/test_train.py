"""`tallystick detect train`: from judged anomalies, or payments, to a classifier and its card."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner, Result

from tallystick.clock import NS_PER_SECOND, SystemClock, rfc3339
from tallystick.ledger.notices import AnomalyJudged
from tallystick.stream.message import Message
from tallystick.watch.detect.found.store import Found
from tallystick.watch.detect.models import Registry
from tallystick.watch.detect.score import Anomaly, Contribution
from tallystick.watch.detect.supervised.classifier import decode
from tallystick.wiring.commands.detect.train import train

CASES = 160
MONDAY = 1_767_571_200


def run(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(train, arguments, catch_exceptions=False)


def stamp(seconds: float) -> str:
    """RFC 3339."""
    return rfc3339(round(seconds * NS_PER_SECOND))


def anomaly(number: int) -> Anomaly:
    """A case of the desk's; every third is by layering, whose large ones are bad."""
    layering = number % 3 == 0
    return Anomaly(
        id=f"odd-{number}",
        detector="layering" if layering else "unusual_hour",
        family="market_abuse",
        entity=f"account-{number % 9}",
        at=stamp(MONDAY + 6 * 3_600 * number),
        p_value=1e-7,
        expected="few",
        came="many",
        sentence="Much was cancelled.",
        contributions=(Contribution("cancel_share", "share", number % 7, 0.0, 1.0, 4.0),),
        account=f"account-{number % 9}",
    )


def verdict(number: int) -> AnomalyJudged:
    """What was said of it a day later."""
    odd = anomaly(number)
    return AnomalyJudged(
        at=stamp(MONDAY + 6 * 3_600 * number + 86_400),
        anomaly=odd.id,
        detector=odd.detector,
        entity=odd.entity,
        client=odd.account,
        verdict="confirmed" if number % 3 == 0 and number % 7 > 1 else "dismissed",
        reason="seen",
        p_value="1e-07",
        sentence=odd.sentence,
        position=None,
        scope="stream",
        until=None,
        by="mia",
    )


def judge(folder: Path, count: int = CASES) -> Path:
    """A data folder whose anomalies were judged."""
    found = Found(folder / "anomalies.db", SystemClock())
    found.add([anomaly(number) for number in range(count)])
    found.take(
        Message(number, msgspec.json.encode(verdict(number), order="sorted"))
        for number in range(count)
    )
    found.close()
    return folder


def test_a_data_folder_becomes_a_new_version(tmp_path: Path) -> None:
    """The classifier stands beside the configuration under the version's name, with its card."""
    judge(tmp_path)
    said = json.loads(run("--data", str(tmp_path), "--json").stdout)
    registry = Registry(tmp_path / "detect/models")
    model = registry.load(said["model"])
    classifier = decode(model.artefacts["classifier.json"])
    assert classifier.version == said["classifier"]
    assert said["cases"] == CASES
    assert said["auc"] > 0.8
    assert classifier.version in registry.card(said["model"])
    again = json.loads(run("--data", str(tmp_path), "--json").stdout)
    assert again["model"] == said["model"]


def test_the_base_keeps_its_other_artefacts(tmp_path: Path) -> None:
    """A second training on top of a version changes the classifier alone."""
    judge(tmp_path)
    first = json.loads(run("--data", str(tmp_path), "--json").stdout)["model"]
    second = json.loads(
        run("--data", str(tmp_path), "--base", first, "--seed", "2", "--json").stdout
    )["model"]
    assert second != first
    done = run("--data", str(tmp_path), "--base", "0" * 12)
    assert done.exit_code == 1


def test_too_few_cases_end_with_their_number(tmp_path: Path) -> None:
    """Exit code 1: refused, and nothing is written."""
    judge(tmp_path, 30)
    done = run("--data", str(tmp_path))
    assert done.exit_code == 1
    assert "too few to learn from" in done.stderr
    assert not (tmp_path / "detect").exists()


def test_a_folder_without_anomalies_is_said(tmp_path: Path) -> None:
    """Exit code 2: nothing there to learn from."""
    done = run("--data", str(tmp_path))
    assert done.exit_code == 2
    assert "no server has found anomalies" in done.stderr


def test_payments_become_a_folder(tmp_path: Path) -> None:
    """--file needs --out, and writes a classifier that reads back and a card."""
    file = payments(tmp_path / "p.npz")
    assert run("--file", str(file)).exit_code == 2
    out = tmp_path / "made"
    said = run("--file", str(file), "--out", str(out)).stdout
    assert "On cases it had not seen: AUC" in said
    assert decode((out / "classifier.json").read_bytes()).features[0] == "payment_amount"
    assert "# Classifier of card payments" in (out / "card.md").read_text()


def payments(path: Path) -> Path:
    """Five weeks; some terminals are bad all the time."""
    chance = np.random.default_rng(1)
    count = 35 * 100
    terminal = chance.integers(0, 30, count)
    np.savez(
        path,
        t=np.sort(chance.integers(0, 35 * 86_400, count)),
        customer=chance.integers(0, 150, count),
        terminal=terminal,
        amount=chance.lognormal(3, 0.3, count),
        fraud=(terminal % 10 == 0).astype(np.uint8),
    )
    return path


class Answers(BaseHTTPRequestHandler):
    """Judged anomalies in the form of the API, ten a page."""

    def do_GET(self) -> None:
        """A page of /v1/anomalies, or one of them with its verdicts."""
        url = urlsplit(self.path)
        name = url.path.rpartition("/")[2]
        if name == "anomalies":
            query = {key: value[0] for key, value in parse_qs(url.query).items()}
            start = int(query.get("cursor", "0"))
            chosen = [
                number for number in range(CASES) if verdict(number).verdict == query["verdict"]
            ]
            page = [{"id": f"odd-{number}"} for number in chosen[start : start + 10]]
            more = str(start + 10) if start + 10 < len(chosen) else None
            body: object = {"anomalies": page, "next": more}
        else:
            number = int(name.partition("-")[2])
            said = verdict(number)
            facts = msgspec.to_builtins(anomaly(number))
            body = facts | {"verdict": said.verdict, "verdicts": [{"at": said.at}]}
        raw = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def answering() -> Iterator[str]:
    """A server on the loopback; its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_server_is_asked_page_by_page(tmp_path: Path) -> None:
    """The same cases from a server give the same classifier as from its folder."""
    judge(tmp_path)
    here = json.loads(run("--data", str(tmp_path), "--out", str(tmp_path / "a"), "--json").stdout)
    with answering() as url:
        there = json.loads(
            run("--url", url, "--token", "t", "--out", str(tmp_path / "b"), "--json").stdout
        )
    assert there["classifier"] == here["classifier"]
    assert (tmp_path / "a/card.md").read_text() == (tmp_path / "b/card.md").read_text()


@pytest.mark.parametrize("option", ["--out", "--data", "--file", "--base", "--url"])
def test_help_names_every_option(option: str) -> None:
    """What can be said is in the help."""
    assert option in run("--help").stdout
