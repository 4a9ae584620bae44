"""The unmodified Splunk SDK for Python against our server, over real HTTP."""

import json
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from splunklib import client, results
from splunklib.binding import AuthenticationError, HTTPError

from tallystick.api.splunk.jobs import CONTROLS

ALL = "search * earliest=2026-03-02T14:00:00Z latest=2026-03-02T15:00:00Z"
SECONDS_MAX = 30.0
pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def service(log_app: Any) -> client.Service:
    """Logged in with a user name and a token as the password."""
    return client.connect(
        scheme="http", host="127.0.0.1", port=log_app.port, username="ada", password=log_app.token
    )


@pytest.fixture
def job(service: client.Service) -> Iterator[client.Job]:
    """A job that has ended."""
    made = service.jobs.create(ALL, exec_mode="blocking")
    yield made
    made.cancel()


def xml(data: bytes) -> ET.Element:
    """The root of a document."""
    return ET.fromstring(data)  # noqa: S314  our own server's


def read(stream: Any) -> list[dict[str, Any]]:
    """The results of a JSON stream, without messages."""
    found = [each for each in results.JSONResultsReader(stream) if isinstance(each, dict)]
    stream.close()
    return found


@pytest.mark.parametrize(
    "how",
    [
        lambda log_app: {"username": "ada", "password": log_app.token},
        lambda log_app: {"token": log_app.token},
        lambda log_app: {"token": f"Splunk {log_app.token}"},
        lambda log_app: {"splunkToken": log_app.token},
        lambda log_app: {"username": "ada", "password": log_app.token, "basic": True},
        lambda log_app: {"token": log_app.token, "owner": "nobody", "app": "search"},
    ],
    ids=["password", "session", "session-with-scheme", "bearer", "basic", "namespace"],
)
def test_every_way_to_log_in(log_app: Any, how: Callable[[Any], dict[str, Any]]) -> None:
    """A token of ours is the password, the session key, or the bearer token."""
    service = client.connect(scheme="http", host="127.0.0.1", port=log_app.port, **how(log_app))
    assert service.info["product_type"] == "tallystick"
    assert service.splunk_version >= (9, 0, 2)
    assert not service.disable_v2_api
    assert len(read(service.jobs.oneshot(ALL, output_mode="json", count=3))) == 3


def test_who_is_unknown_is_told_so(log_app: Any) -> None:
    """At login, and without one."""
    where = {"scheme": "http", "host": "127.0.0.1", "port": log_app.port}
    with pytest.raises(AuthenticationError, match="Login failed"):
        client.connect(**where, username="ada", password="wrong")
    with pytest.raises(AuthenticationError):
        client.connect(**where, token="wrong").jobs.oneshot("search *")
    reader = log_app.tokens.issue("eve", "demo", ("read",))
    with pytest.raises(HTTPError, match="may not operate") as error:
        client.connect(**where, splunkToken=reader).jobs.oneshot("search *")
    assert error.value.status == 403


def test_a_blocking_job_is_done_when_it_is_there(job: client.Job) -> None:
    """All that scripts look at: states and counts."""
    assert job.is_done()
    assert job["dispatchState"] == "DONE"
    assert (job["eventCount"], job["resultCount"], job["isFailed"]) == ("62", "62", "0")
    assert job["doneProgress"] == "1.0"
    assert float(job["runDuration"]) >= 0


def test_a_normal_job_is_polled(service: client.Service) -> None:
    """Created, asked until it is done, fetched."""
    job = service.jobs.create(f"{ALL} | stats count by http.route | sort http.route")
    done = threading.Event()
    for _ in range(1_000):
        if job.is_done():
            break
        done.wait(0.01)
    assert job["resultCount"] == "2"
    rows = read(job.results(output_mode="json"))
    assert [row["count"] for row in rows] == ["40", "20"]
    assert int(job["eventCount"]) >= 60
    job.cancel()


def test_results_come_in_pages(job: client.Job) -> None:
    """`count` and `offset` cut the same list into pages without gap; 0 is all."""
    whole = read(job.results(output_mode="json", count=0))
    assert len(whole) == 62
    pages = []
    for offset in range(0, 62, 25):
        pages += read(job.results(output_mode="json", count=25, offset=offset))
    assert pages == whole
    assert read(job.results(output_mode="json", count=10, offset=100)) == []


def test_an_event_has_splunks_fields_and_its_own(job: client.Job) -> None:
    """Newest first; `_raw` is the line as it was stored, every value is text."""
    newest = read(job.results(output_mode="json", count=1))[0]
    assert newest["_time"] == "2026-03-02T14:59:00.000+00:00"
    raw = json.loads(newest["_raw"])
    assert raw["body"] == newest["body"] == "answered order O-59 in 590 ms"
    assert "log.seq" not in raw
    assert newest["http.response.status_code"] == "500"
    assert (newest["host"], newest["index"]) == ("h1", "tallystick")
    assert newest["sourcetype"]


def test_xml_and_csv_say_the_same_as_json(job: client.Job) -> None:
    """The other output modes, the XML one through the SDK's own reader."""
    as_json = read(job.results(output_mode="json", count=0))
    stream = job.results(output_mode="xml", count=0)
    with pytest.warns(DeprecationWarning, match="ResultsReader"):
        reader = results.ResultsReader(stream)
    as_xml = [dict(each) for each in reader if isinstance(each, dict)]
    assert as_xml == as_json
    assert reader.is_preview is False
    lines = job.results(output_mode="csv", count=2).read().decode().splitlines()
    assert lines[0].startswith("_raw,_time,host,source,sourcetype,index")
    assert len(lines) == 3


def test_fields_can_be_chosen(job: client.Job) -> None:
    """`f` names the fields, in any mode."""
    row = read(job.results(output_mode="json", count=1, f=["_time", "host"]))[0]
    assert set(row) == {"_time", "host"}
    text = job.results(output_mode="csv", count=1, f="host").read().decode()
    assert text == "host\nh1\n"


def test_preview_events_timeline_summary_and_log(job: client.Job) -> None:
    """Everything else that a job can be asked for."""
    assert len(read(job.preview(output_mode="json", count=0))) == 62
    assert len(read(job.events(output_mode="json", count=7))) == 7
    buckets = xml(job.timeline().read()).findall("bucket")
    assert sum(int(bucket.attrib["c"]) for bucket in buckets) == 62
    timeline = json.loads(job.timeline(output_mode="json").read())
    assert timeline["event_count"] == 62
    summary = json.loads(job.summary(output_mode="json").read())
    routes = summary["fields"]["http.route"]
    assert [mode["count"] for mode in routes["modes"]] == [40, 20]
    assert xml(job.summary().read()).find("summary/field[@k='http.route']") is not None
    assert b"DONE" in job.searchlog().read()


def test_control_actions(service: client.Service) -> None:
    """A job is touched, kept longer, given another priority, finalized, and cancelled."""
    job = service.jobs.create(ALL, exec_mode="blocking", timeout=60)
    assert job.refresh()["ttl"] == "60"
    job.touch().set_ttl(99).set_priority(7).enable_preview().disable_preview()
    job.pause().unpause().finalize()
    job.refresh()
    assert (job["ttl"], job["priority"], job["isPreviewEnabled"]) == ("99", "7", "0")
    for action in CONTROLS.keys() - {"cancel"}:
        job.post("control", action=action, ttl=50, priority=3)
    with pytest.raises(HTTPError, match="action is one of"):
        job.post("control", action="explode")
    assert job.sid in [each.sid for each in service.jobs.list()]
    job.cancel()
    job.cancel()  # the second time it is nobody's, and nothing happens
    assert job.sid not in [each.sid for each in service.jobs]


def test_an_unknown_job_is_told_in_splunks_words(service: client.Service) -> None:
    """404 and `Unknown sid.`, in XML and in JSON; also after DELETE."""
    with pytest.raises(HTTPError, match="Unknown sid") as error:
        service.job("1423855196.339")
    assert error.value.status == 404
    job = service.jobs.create(ALL, exec_mode="blocking")
    service.delete(f"search/v2/jobs/{job.sid}")
    with pytest.raises(HTTPError) as gone:
        service.get(f"search/jobs/{job.sid}/results", output_mode="json")
    assert json.loads(gone.value.body) == {"messages": [{"type": "FATAL", "text": "Unknown sid."}]}


def test_oneshot_is_one_request(service: client.Service) -> None:
    """Results at once, and no job stays behind."""
    before = len(service.jobs.list(count=0))
    query = "search severity_text=ERROR | stats count"
    times = {"earliest_time": "2026-03-02T14:00:00Z", "latest_time": "2026-03-02T15:00:00Z"}
    assert read(service.jobs.oneshot(query, output_mode="json", **times)) == [{"count": "30"}]
    assert len(read(service.jobs.oneshot(ALL, output_mode="json"))) == 62
    assert len(service.jobs.list(count=0)) == before


def test_export_streams_everything(service: client.Service) -> None:
    """A JSON object a line; events and tables."""
    stream = service.jobs.export(ALL, output_mode="json")
    assert len(read(stream)) == 62
    rows = read(service.jobs.export(f"{ALL} | top host.name", output_mode="json"))
    assert {row["host.name"] for row in rows} == {"h0", "h1"}
    nothing = service.jobs.export(f"{ALL} zzz", output_mode="json")
    assert read(nothing) == []
    text = service.jobs.export(ALL, output_mode="csv").read().decode()
    assert len(text.splitlines()) == 63
    tree = xml(service.jobs.export(ALL, output_mode="xml").read())
    assert len(tree.findall("result")) == 62


def test_a_live_export_says_new_lines(new_log_app: Callable[..., Any]) -> None:
    """`earliest_time=rt`: what comes after it began, until the client leaves."""
    log_app = new_log_app()
    service = client.connect(
        scheme="http", host="127.0.0.1", port=log_app.port, token=log_app.token
    )
    response = service.jobs.export(
        "search live_marker", earliest_time="rt", latest_time="rt", output_mode="json"
    )
    assert response.read(1) == b"\n"  # it has begun
    log_app.store.append([b'{"body":"live_marker one"}', b'{"body":"other"}'])
    log_app.store.append([b'{"body":"live_marker two"}'])
    said = b""
    while said.count(b'"result"') < 2:
        said += response.read(1)
    rest = b""
    while not rest.endswith(b"\n"):
        rest += response.read(1)
    lines = [json.loads(line) for line in (said + rest).splitlines() if line.strip()]
    assert [line["result"]["body"] for line in lines] == ["live_marker one", "live_marker two"]
    assert [line["offset"] for line in lines] == [0, 1]
    response.close()


def test_a_query_that_cannot_be_is_400_with_our_sentence(service: client.Service) -> None:
    """FATAL, and the position in the query."""
    for ask in (service.jobs.create, service.jobs.oneshot, service.jobs.export):
        with pytest.raises(HTTPError, match="position") as error:
            ask('search "open')
        assert error.value.status == 400
        assert 'type="FATAL"' in error.value.body.decode()
    with pytest.raises(HTTPError, match="real-time"):
        service.jobs.create("search *", earliest_time="rt")
    assert service.parse("search * | stats count").status == 200
    with pytest.raises(HTTPError, match="position"):
        service.parse("search * | nosuchcommand")


def test_saved_searches(service: client.Service, log_app: Any) -> None:
    """Made, listed, changed, run, and removed; they are those of our own API."""
    saved = service.saved_searches
    query = "search severity_text=ERROR | stats count"
    made = saved.create(
        "failed orders", query, description="Answered with 5xx.",
        **{"dispatch.earliest_time": "2026-03-02T14:00:00Z"},
    )  # fmt: skip
    assert (made.name, made.search, made["is_scheduled"]) == ("failed orders", query, "0")
    assert "failed orders" in saved
    assert [each.name for each in saved] == ["failed orders"]
    ours = log_app.client.get("/v1/logs/saved/failed orders").json()
    assert (ours["query"], ours["author"]) == (query, "ada")

    job = made.dispatch()
    while not job.is_done():
        threading.Event().wait(0.01)
    assert read(job.results(output_mode="json")) == [{"count": "30"}]
    assert [each.sid for each in made.history()] == [job.sid]
    assert made.refresh().suppressed == 0
    assert made.scheduled_times() == []

    made.update(description="Nobody knows.").refresh()
    assert (made.description, made.search) == ("Nobody knows.", query)
    with pytest.raises(HTTPError, match="already exists"):
        saved.create("failed orders", query)
    with pytest.raises(HTTPError, match="position"):
        saved.create("bad", 'search "open')
    assert "name" in saved.itemmeta()["fields"]["required"]
    saved.delete("failed orders")
    assert "failed orders" not in saved
    assert len(saved) == 0


def test_indexes_and_fired_alerts(service: client.Service) -> None:
    """What is stored where, and what raised alerts (nothing yet)."""
    counts = {each.name: int(each["totalEventCount"]) for each in service.indexes}
    assert counts["pay"] == 2
    assert counts["tallystick"] >= 60
    assert service.indexes["pay"]["minTime"].startswith("2026-03-02T14:10:00")
    assert "nowhere" not in service.indexes
    groups = list(service.fired_alerts)
    assert [(group.name, group.count) for group in groups] == [("-", 0)]
    assert list(groups[0].alerts) == []


def test_a_token_sees_its_indexes_only(log_app: Any) -> None:
    """Jobs, exports and indexes stop at what the token may read."""
    token = log_app.tokens.issue("pay desk", "", ("operate",), indexes=("pay",))
    service = client.connect(scheme="http", host="127.0.0.1", port=log_app.port, splunkToken=token)
    assert [each.name for each in service.indexes] == ["pay"]
    assert len(read(service.jobs.oneshot(ALL, output_mode="json", count=0))) == 2
    assert len(read(service.jobs.export(f"{ALL} index=*", output_mode="json"))) == 2
    assert read(service.jobs.oneshot("search index=tallystick", output_mode="json")) == []


def test_what_else_the_sdk_asks(service: client.Service) -> None:
    """The rest of what a session looks at."""
    assert "search" in service.capabilities
    assert [each.name for each in service.apps] == ["search"]
    assert service.restart_required is False
    assert service.job is not None


def test_the_guide_runs(log_app: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The program in docs/guides/search-logs.md, as it stands there, with our port and token."""
    text = (Path(__file__).resolve().parents[3] / "docs/guides/search-logs.md").read_text()
    _, _, behind = text.partition("```python\n")
    program, _, _ = behind.partition("```")
    program = program.replace("8080", str(log_app.port)).replace("TOKEN", repr(log_app.token))
    program = program.replace("earliest=-1h", "earliest=2026-03-02T14:00:00Z")
    exec(compile(program, "guide", "exec"), {})  # noqa: S102  our own guide
    assert "{'http.route': '/v1/orders', 'count': '20'}" in capsys.readouterr().out
