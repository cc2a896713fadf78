"""The Model Context Protocol over HTTP, in both its eras, with expected values from the feed and the streets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from fastapi.routing import APIRoute
from tests.journeys.conftest import at

from mobigo.facades.mcp.api import router
from mobigo.facades.mcp.protocol import is_own_origin

if TYPE_CHECKING:
    import httpx

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


def post(http: httpx.Client, message: object, **headers: str) -> httpx.Response:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    accept = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    return http.post("/mcp", content=body, headers=accept | named)


def ask(http: httpx.Client, method: str, headers: dict[str, str] | None = None, **params: Any) -> httpx.Response:  # noqa: ANN401 - JSON
    """Ask as the stateless version wants."""
    told = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method}
    if method == "tools/call":
        told["Mcp-Name"] = params["name"]
    message = {"jsonrpc": "2.0", "id": 7, "method": method, "params": {**params, "_meta": META}}
    return post(http, message, **(told | (headers or {})))


def call(http: httpx.Client, name: str, **arguments: Any) -> tuple[dict[str, Any], str]:  # noqa: ANN401 - JSON
    """Call a tool; what it answers, and says in words."""
    answer = ask(http, "tools/call", name=name, arguments=arguments)
    assert answer.status_code == 200, answer.text
    result = answer.json()["result"]
    assert result["isError"] is False, result
    tools = {tool["name"]: tool for tool in ask(http, "tools/list").json()["result"]["tools"]}
    jsonschema.validate(arguments, tools[name]["inputSchema"])
    jsonschema.validate(result["structuredContent"], tools[name]["outputSchema"])
    text, raw = result["content"]
    assert json.loads(raw["text"]) == result["structuredContent"]
    return result["structuredContent"], text["text"]


def refuse(http: httpx.Client, name: str, **arguments: Any) -> str:  # noqa: ANN401 - JSON
    """Call a tool that says what was asked wrongly."""
    answer = ask(http, "tools/call", name=name, arguments=arguments)
    assert answer.status_code == 200, answer.text
    result = answer.json()["result"]
    assert result["isError"] is True
    assert "structuredContent" not in result
    return str(result["content"][0]["text"])


# ── the protocol ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_client_of_today_needs_no_handshake(valley_http: httpx.Client) -> None:
    answer = ask(valley_http, "server/discover")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    result = answer.json()["result"]
    assert answer.json()["id"] == 7
    assert result["resultType"] == "complete"
    assert result["supportedVersions"] == ["2026-07-28", "2025-11-25", "2025-06-18"]
    assert result["capabilities"] == {"tools": {}}
    assert result["cacheScope"] == "public"
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "mobigo"
    assert "nothing about the traveller is kept" in result["instructions"]


@pytest.mark.parametrize(
    ("asked", "spoken"), [("2025-06-18", "2025-06-18"), ("2025-11-25", "2025-11-25"), ("2024-11-05", "2025-11-25")]
)
def test_an_older_client_begins_with_initialize(valley_http: httpx.Client, asked: str, spoken: str) -> None:
    hello = {"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    answer = post(valley_http, {"jsonrpc": "2.0", "id": "a", "method": "initialize", "params": hello})
    assert answer.json()["result"]["protocolVersion"] == spoken
    assert answer.json()["id"] == "a"
    assert "mcp-session-id" not in answer.headers
    after = {"MCP_Protocol_Version": spoken}
    done = post(valley_http, {"jsonrpc": "2.0", "method": "notifications/initialized"}, **after)
    assert (done.status_code, done.content) == (202, b"")
    assert post(valley_http, {"jsonrpc": "2.0", "id": 1, "method": "ping"}, **after).json()["result"] == {}
    listed = post(valley_http, {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}, **after).json()["result"]
    assert len(listed["tools"]) == 6
    assert "resultType" not in listed


def test_tools_are_described_by_schemas_that_are_ones(valley_http: httpx.Client) -> None:
    result = ask(valley_http, "tools/list").json()["result"]
    assert (result["ttlMs"], result["cacheScope"]) == (3_600_000, "public")
    names = [tool["name"] for tool in result["tools"]]
    assert names == ["find_places", "plan_journeys", "departures", "disturbances", "reach", "look_up_journey"]
    for tool in result["tools"]:
        jsonschema.Draft202012Validator.check_schema(tool["inputSchema"])
        jsonschema.Draft202012Validator.check_schema(tool["outputSchema"])
        assert tool["annotations"]["readOnlyHint"] is True
        assert len(tool["description"]) > 60


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", -32700),
        (b"\xff", -32700),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "\\ud800"}', -32700),
        (b"[]", -32600),
        (b'{"jsonrpc": "1.0", "id": 1, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": 3}', -32602),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"_meta": 3}}', -32602),
        (b" " * 300_000, -32600),
    ],
)
def test_what_is_no_message_is_told_so(valley_http: httpx.Client, body: bytes, code: int) -> None:
    answer = post(valley_http, body)
    assert answer.status_code in {400, 413}
    assert answer.json()["error"]["code"] == code


def test_headers_must_say_what_the_body_says(valley_http: httpx.Client) -> None:
    def code(**headers: str) -> tuple[int, int]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = ask(valley_http, "tools/call", named, name="find_places", arguments={"text": "Pont"})
        return answer.status_code, answer.json().get("error", {}).get("code", 0)

    assert code() == (200, 0)
    assert code(Mcp_Name="=?base64?ZmluZF9wbGFjZXM=?=") == (200, 0)
    assert code(Mcp_Name="reach") == (400, -32020)
    assert code(Mcp_Name="=?base64?!?=") == (400, -32020)
    assert code(Mcp_Method="tools/list") == (400, -32020)
    assert code(MCP_Protocol_Version="2025-11-25") == (400, -32020)


def test_versions_that_are_not_spoken_are_answered_with_those_that_are(valley_http: httpx.Client) -> None:
    meta = META | {"io.modelcontextprotocol/protocolVersion": "1900-01-01"}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
    answer = post(valley_http, message, MCP_Protocol_Version="1900-01-01", Mcp_Method="tools/list")
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["data"]["requested"]) == (-32022, "1900-01-01")
    assert error["data"]["supported"][0] == "2026-07-28"
    old = post(valley_http, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, MCP_Protocol_Version="1900-01-01")
    assert (old.status_code, old.json()["error"]["code"]) == (400, -32022)
    bare = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": {}}}
    assert post(valley_http, bare, MCP_Protocol_Version="2026-07-28").json()["error"]["code"] == -32602


def test_unknown_methods_and_tools(valley_http: httpx.Client) -> None:
    answer = ask(valley_http, "ping")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, -32601)
    old = post(valley_http, {"jsonrpc": "2.0", "id": 1, "method": "resources/list"})
    assert (old.status_code, old.json()["error"]["code"]) == (200, -32601)
    answer = ask(valley_http, "tools/call", name="book", arguments={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32602)


def test_pages_of_other_sites_may_not_ask(valley_http: httpx.Client) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    assert post(valley_http, message, Origin="https://evil.example").status_code == 403
    own = str(valley_http.base_url).rstrip("/").replace("127.0.0.1", "evil.example")
    assert post(valley_http, message, Origin=own, Host=own.removeprefix("http://")).status_code == 403
    assert post(valley_http, message, Origin="https://val.example").status_code == 200
    assert post(valley_http, message, Origin="http://localhost:6274").status_code == 200


@pytest.mark.parametrize(
    ("origin", "own"),
    [(None, True), ("null", False), ("http://[::1]:3", True), ("http://localhost.evil", False), ("http://[", False)],
)
def test_origins(origin: str | None, *, own: bool) -> None:
    assert is_own_origin(origin, "") is own


def test_there_is_no_stream_to_open_and_no_session_to_end(valley_http: httpx.Client) -> None:
    for answer in (valley_http.get("/mcp"), valley_http.delete("/mcp")):
        assert answer.status_code == 405
    assert not any(route.include_in_schema for route in router.routes if isinstance(route, APIRoute))


# ── the tools ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_places_are_found_by_name(valley_http: httpx.Client) -> None:
    found, text = call(valley_http, "find_places", text="pont", language="en")
    assert [(one["id"], one["kind"]) for one in found["places"]] == [("val:pont", "stop")]
    assert text.startswith("1 place(s):\n- Pont")


def test_a_journey_with_its_price_and_how_late_it_is(valley_http: httpx.Client) -> None:
    found, text = call(valley_http, "plan_journeys", **{"from": "val:amont", "to": "Aval"}, at="2026-11-23T07:45")
    first = found["journeys"][0]
    # by the timetable 08:00 to 08:15; four minutes late from Pont on
    assert (first["departure"], first["arrival"]) == ("2026-11-23T08:00:00+01:00", "2026-11-23T08:19:00+01:00")
    (leg,) = first["legs"]
    assert (leg["line"], leg["planned_arrival"]) == ("12", "2026-11-23T08:15:00+01:00")
    assert (first["price"]["cents"], first["price"]["demonstration"]) == (150, True)
    assert "1,50 €" in text.replace("\u00a0", " ").replace("\u202f", " ")
    assert "bus 12 vers Aval de Amont à Aval, 08:19" in text
    assert "! Travaux à Pont" in text
    assert found["alerts"][0]["id"] == "val:works"
    again, said = call(valley_http, "look_up_journey", id=first["id"], language="en")
    assert (again["phase"], again["holds"]) == ("ahead", True)
    assert said.startswith("The journey holds.")


def test_arriving_by_an_hour_and_the_last_of_a_day(valley_http: httpx.Client) -> None:
    ends = {"from": "val:aval", "to": "val:amont"}
    found, _ = call(valley_http, "plan_journeys", **ends, at="2026-11-23T18:00", arrive_by=True)
    assert [one["departure"][11:16] for one in found["journeys"]] == ["17:00"]
    out = {"from": "val:amont", "to": "val:aval"}
    found, _ = call(valley_http, "plan_journeys", **out, at="2026-11-23T10:00", of_day="last")
    assert [one["departure"] for one in found["journeys"]] == ["2026-11-24T00:30:00+01:00"]


def test_from_the_hamlet_a_ride_is_booked_and_said_how(valley_http: httpx.Client) -> None:
    ends = {"from": "Le Hameau", "to": "val:aval"}
    found, text = call(valley_http, "plan_journeys", **ends, at="2026-11-23T11:00", language="en")
    (first, *_) = found["journeys"]
    assert (first["legs"][0]["mode"], first["legs"][0]["from"]["name"]) == ("on_demand", "Le Hameau")
    assert first["legs"][-1]["arrival"] == "2026-11-23T12:17:00+01:00"
    booking = first["legs"][0]["booking"]
    assert (booking["how"], booking["price_cents"]) == ("here", 300)
    assert "quote" not in booking
    assert "to be booked before 2026-11-23 " in text
    assert text.endswith("Nothing is booked or paid here; rides to be booked are booked as said.")
    none, said = call(valley_http, "plan_journeys", **ends, at="2026-11-23T11:00", ondemand=False)
    assert (none["journeys"], none["reason"]) == ([], "no_stop_in_range")
    assert "Aucun trajet : aucun arrêt assez proche à pied." in said


def test_on_a_day_without_buses_the_next_day_that_has_some(valley_http: httpx.Client) -> None:
    ends = {"from": "val:amont", "to": "val:aval"}
    found, _ = call(valley_http, "plan_journeys", **ends, at="2026-11-21T10:00")
    assert found["journeys"][0]["departure"] == "2026-11-23T08:00:00+01:00"


def test_without_a_journey_the_reason(valley_http: httpx.Client) -> None:
    ends = {"from": "val:amont", "to": "val:aval"}
    found, text = call(valley_http, "plan_journeys", **ends, at="2027-06-01T07:45")  # the calendar ends in April
    assert (found["journeys"], found["reason"]) == ([], "outside_service_period")
    assert "Aucun trajet : les horaires ne couvrent pas ce jour." in text


def test_departures_of_a_stop_by_its_name(valley_http: httpx.Client) -> None:
    found, text = call(valley_http, "departures", stop="Pont", language="en")
    (one,) = found["departures"]
    # planned at 08:03, four minutes late
    assert (one["departure"][11:16], one["planned_departure"][11:16], one["state"]) == ("08:07", "08:03", "live")
    assert (one["line"], one["headsign"]) == ({"id": "val:L", "name": "12"}, "Aval")
    assert "- 08:07 12 towards Aval, +4 min" in text
    none, text = call(valley_http, "departures", stop="Pont", at="2026-11-22T08:00", minutes=30, language="en")
    assert none["departures"] == []
    assert "No departure until 2026-11-22 08:30." in text


@pytest.mark.parametrize(
    ("asked", "n"),
    [({}, 1), ({"stop": "Aval"}, 1), ({"stop": "val:amont"}, 0), ({"line": "12"}, 1), ({"line": "val:L"}, 1)],
)
def test_disturbances_of_a_stop_or_a_line(valley_http: httpx.Client, asked: dict[str, str], n: int) -> None:
    found, text = call(valley_http, "disturbances", **asked)
    assert len(found["disturbances"]) == n
    if n:
        assert (found["disturbances"][0]["lines"], found["disturbances"][0]["stops"]) == (["12"], ["Aval"])
        assert text == "- Travaux à Pont [12, Aval]"
    else:
        assert text == "Aucune perturbation connue."


def test_what_is_reached(valley_http: httpx.Client) -> None:
    found, text = call(valley_http, "reach", **{"from": "val:aval"}, at="2026-11-23T16:50", minutes=[30, 10])
    # the bus leaves at 17:00 and is in Amont at 17:15, 100 m from the town's centre: 25 min, and 83 s on foot
    assert [(one["minutes"], one["communes"], one["population"]) for one in found["bands"]] == [
        (10, 0, 0),
        (30, 1, 2000),
    ]
    assert [(one["name"], one["minutes"]) for one in found["communes"]] == [("Amont-le-Val", 27)]
    assert text.startswith("Depuis Aval :\n- en 10 min")


def test_what_was_asked_wrongly_is_said(valley_http: httpx.Client) -> None:
    ends = {"from": "val:amont", "to": "val:aval"}
    assert "nowhere" in refuse(valley_http, "plan_journeys", **{"from": "nowhere at all", "to": "val:aval"})
    assert "max_transfers" in refuse(valley_http, "plan_journeys", **ends, max_transfers=99)
    assert "book" in refuse(valley_http, "plan_journeys", **ends, book=True)
    assert "2026-11-23T07:30" in refuse(valley_http, "plan_journeys", **ends, at="tomorrow")
    assert "unknown_stop" in refuse(valley_http, "departures", stop="Le Hameau")
    assert "unknown_line" in refuse(valley_http, "disturbances", line="99")
    assert "unknown_journey" in refuse(valley_http, "look_up_journey", id="x")
    assert "text" in refuse(valley_http, "find_places")
    assert refuse(valley_http, "find_places", text="Pont", near="here").startswith("invalid_input")


def test_points_are_places_too(valley_http: httpx.Client) -> None:
    found, _ = call(valley_http, "plan_journeys", **{"from": at(300), "to": at(9700)}, at="2026-11-23T11:30")
    legs = found["journeys"][0]["legs"]
    # the bus of noon goes on as another trip
    assert [(leg["mode"], leg["stay_seated"]) for leg in legs] == [
        ("walk", False),
        ("bus", False),
        ("bus", True),
        ("walk", False),
    ]
