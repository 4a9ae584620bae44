"""The real Prometheus, Alertmanager and amtool from Debian, against our API and our channel."""

import json
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

Soon = Callable[[Callable[[], Any]], Any]
Start = Callable[..., subprocess.Popen[bytes]]
RULES = """
groups:
  - name: always
    rules:
      - alert: AlwaysTrue
        expr: {expression}
        labels: {{severity: page, team: fx}}
        annotations: {{summary: "The always-true rule fires.", runbook_url: "https://wiki.example/"}}
"""
CONFIGURATION = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
alerting:
  alertmanagers:
    - authorization: {{credentials_file: token}}
      static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
END_SECONDS_MAX = 20.0


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def program(name: str, package: str) -> str:
    """The path of a program of Debian's; skips where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (apt-get install {package})")
    return found


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a program in the test's folder; it is ended after the test."""
    with ExitStack() as stack:

        def run(*words: str) -> subprocess.Popen[bytes]:
            log = stack.enter_context((tmp_path / f"{Path(words[0]).name}.log").open("ab"))
            process = stack.enter_context(
                subprocess.Popen(words, cwd=tmp_path, stdout=log, stderr=log)
            )
            stack.callback(process.wait, END_SECONDS_MAX)
            stack.callback(process.terminate)
            return process

        yield run


@pytest.mark.slow  # it looks for its Alertmanagers after five seconds
def test_prometheus_tells_us(
    app: Any, client: httpx.Client, soon: Soon, start: Start, tmp_path: Path
) -> None:
    """An always-true rule opens an incident and is told; when the rule is over, so is it."""
    prometheus = program("prometheus", "prometheus")
    (tmp_path / "token").write_text(app.token)
    (tmp_path / "rules.yml").write_text(RULES.format(expression="vector(1) > 0"))
    (tmp_path / "prometheus.yml").write_text(CONFIGURATION.format(port=app.port))
    process = start(
        prometheus, "--config.file=prometheus.yml", "--storage.tsdb.path=data",
        # What is sent before it has looked who its Alertmanagers are is sent to nobody.
        # What is sent before it has looked for its Alertmanagers is sent to nobody.
        "--rules.alert.resend-delay=1s",
        f"--web.listen-address=127.0.0.1:{free_port()}",
    )  # fmt: skip

    def incident() -> Any:
        assert process.poll() is None, (tmp_path / "prometheus.log").read_text()
        asked = {"label": "alertname=AlwaysTrue"}
        found = client.get("/v1/incidents", params=asked).json()["incidents"]
        return found[0] if found else None

    item = soon(incident)
    assert (item["severity"], item["route"], item["state"]) == ("critical", "fx", "open")
    assert item["title"] == "AlwaysTrue: The always-true rule fires."
    soon(lambda: "The always-true rule fires." in app.said.getvalue())
    (seen,) = client.get("/api/v2/alerts", params={"filter": "alertname=AlwaysTrue"}).json()
    assert seen["generatorURL"].startswith("http://")
    (tmp_path / "rules.yml").write_text(RULES.format(expression="vector(1) > 2"))
    process.send_signal(signal.SIGHUP)
    soon(lambda: incident()["state"] == "resolved")
    assert incident()["alerts"] == 1


def test_our_alerts_reach_an_alertmanager(
    alert_app: ModuleType, soon: Soon, start: Start, tmp_path: Path
) -> None:
    """A real one shows what fires, with our labels, severity and incident, until it is over."""
    alertmanager = program("prometheus-alertmanager", "prometheus-alertmanager")
    (tmp_path / "alertmanager.yml").write_text(
        "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"
    )
    url = f"http://127.0.0.1:{free_port()}"
    process = start(
        alertmanager, "--config.file=alertmanager.yml", "--storage.path=data",
        f"--web.listen-address={url.removeprefix('http://')}", "--cluster.listen-address=",
    )  # fmt: skip

    def alerts() -> Any:
        assert process.poll() is None, (tmp_path / "prometheus-alertmanager.log").read_text()
        return httpx.get(f"{url}/api/v2/alerts", timeout=5).json()

    def ready() -> bool:
        try:
            return httpx.get(f"{url}/-/ready", timeout=5).status_code == 200
        except httpx.TransportError:
            assert process.poll() is None, (tmp_path / "prometheus-alertmanager.log").read_text()
            return False

    soon(ready)
    folder = tmp_path / "app"
    folder.mkdir()
    app = alert_app.AlertApp(folder, f'[targets.theirs]\ntype = "alertmanager"\nurl = "{url}"\n')
    with closing(app):
        app.raise_alert(7, severity="critical", labels={"team": "none", "pair": "EUR/USD"})
        (alert,) = soon(alerts)
        labels = alert["labels"]
        assert (labels["severity"], labels["pair"]) == ("critical", "EUR/USD")
        assert labels["trouble"] == "7"
        assert alert["annotations"]["summary"] == "Trouble 7 has come."
        assert alert["annotations"]["incident"] == "I-1"
        app.raise_alert(7, labels={"team": "none", "pair": "EUR/USD"},
                        ends_at=alert_app.rfc3339(app.clock.now_ns()))  # fmt: skip
        soon(lambda: alerts() == [])


def test_amtool_speaks_with_us(app: Any, client: httpx.Client, tmp_path: Path) -> None:
    """Alertmanager's own client lists and posts alerts, makes silences and ends them."""
    amtool = program("amtool", "prometheus-alertmanager")
    (tmp_path / "http.yml").write_text(f"authorization: {{credentials: {app.token}}}\n")

    def tell(*words: str) -> Any:
        done = subprocess.run(
            [amtool, f"--alertmanager.url={app.url}",
             f"--http.config.file={tmp_path / 'http.yml'}", *words],
            capture_output=True, check=False, timeout=60, cwd=tmp_path,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    tell("alert", "add", "AmtoolWasHere", "severity=warning", "--annotation=summary=hello")
    listed = json.loads(tell("alert", "query", "alertname=AmtoolWasHere", "--output=json"))
    assert [each["labels"]["alertname"] for each in listed] == ["AmtoolWasHere"]
    asked = {"label": "alertname=AmtoolWasHere"}
    assert client.get("/v1/incidents", params=asked).json()["incidents"]
    name = tell("silence", "add", "alertname=AmtoolWasHere", "--comment=drill",
                "--author=grace").strip()  # fmt: skip
    quiet = json.loads(tell("silence", "query", "--output=json"))
    assert name in {each["id"] for each in quiet}
    tell("silence", "expire", name)
    assert name not in {each["id"] for each in client.get("/api/v2/silences").json()}
