"""A fault plan is data: it survives being written down, is refused with a sentence, and strikes by its seed alone."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.fakes.faults import Fault, FaultPlan, FaultRefused
from dnbot.fakes.faults_catalogue import ELSEWHERE, KINDS, checked
from dnbot.fakes.faults_kinds import FaultKind
from dnbot.fakes.faults_targets import TARGETS, pattern
from dnbot.fakes.faults_text import list_faults, parse_fault, read_plan
from dnbot.fakes.records import VENUES

EXAMPLES = {bool: st.booleans(), int: st.integers(0, 9), float: st.floats(0, 9), str: st.nothing()}


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    """Any fault of the catalogue, with filters, a script and options."""
    kind: FaultKind = draw(st.sampled_from(list(KINDS.values())))
    options = {
        name: draw(EXAMPLES[type(default)])
        for name, default in kind.options.items()
        if not isinstance(default, str) and draw(st.booleans())
    }
    return Fault(
        kind.name,
        venue=draw(st.sampled_from(["", *kind.venues])),
        domain=draw(st.sampled_from(["", "rest", "public", "private"])),
        path=draw(st.sampled_from(["", "creates", "*/orders"])),
        client_id=draw(st.sampled_from(["", "dnb-"])),
        at_s=draw(st.floats(0, 100)),
        for_s=draw(st.none() | st.floats(0, 100)),
        on_nth=draw(st.none() | st.integers(1, 9)),
        count=draw(st.none() | st.integers(1, 9)),
        probability=draw(st.floats(0, 1)),
        options=options,
    )


@given(st.lists(faults(), max_size=6), st.integers(0, 2**31))
def test_a_plan_written_as_json_is_the_same_plan(found: list[Fault], seed: int) -> None:
    """Every plan of the catalogue goes through JSON and comes back equal."""
    plan = FaultPlan(tuple(map(checked, found)), seed)
    assert FaultPlan.from_data(json.loads(json.dumps(plan.as_data()))) == plan


@given(st.lists(faults(), min_size=2, max_size=6))
def test_leaving_faults_out_keeps_the_names_of_the_others(found: list[Fault]) -> None:
    """Keys are given once, so what is left of a plan draws from the same random streams as before."""
    plan = FaultPlan(tuple(found))
    keys = [fault.key for fault in plan.faults]
    assert len(set(keys)) == len(keys)
    smaller = plan.without(keys[0])
    assert [fault.key for fault in smaller.faults] == keys[1:]
    assert FaultPlan.from_data(smaller.as_data()) == smaller


def test_a_plan_is_read_from_toml(tmp_path: Path) -> None:
    """Durations may have units; filters and options stand side by side."""
    path = tmp_path / "plan.toml"
    path.write_text(
        'seed = 7\n[[fault]]\nname = "request_delayed"\nat = "2m"\nfor = 10\npath = "creates"\ndelay_s = 1.5\n'
        '[[fault]]\nname = "request_delayed"\nprobability = 0.25\n'
    )
    plan = read_plan(path)
    assert plan == FaultPlan(
        (
            Fault("request_delayed", path="creates", at_s=120.0, for_s=10.0, options={"delay_s": 1.5}),
            Fault("request_delayed", probability=0.25),
        ),
        7,
    )
    assert [fault.key for fault in plan.faults] == ["request_delayed", "request_delayed#2"]
    assert tomllib.loads(path.read_text())["seed"] == 7


def test_a_fault_is_written_on_one_line() -> None:
    """The form of the command line types options as their defaults are typed."""
    fault = parse_fault("server_error:venue=gate,path=creates,on_nth=2,at=500ms,for=1h,status=503,handled=true")
    assert fault == Fault(
        "server_error", venue="gate", path="creates", on_nth=2, at_s=0.5, for_s=3600.0,
        options={"status": 503, "handled": True},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("reply_lots", "no such fault: 'reply_lots'"), ("", "no such fault"), ("reply_lost:venue=x", "venue is gate"),
        ("reply_lost:domain=both", "domain is rest, public or private"), ("reply_lost:at=soon", "at is a duration"),
        ("reply_lost:for=-1", "for is a duration"), ("reply_lost:on_nth=0", "on_nth is a whole number from 1"),
        ("reply_lost:probability=2", "probability is a number from 0 to 1"), ("reply_lost:on_nth", "is not key=value"),
        ("reply_lost:color=red", "no option 'color'"), ("server_error:status=bad", "status is a number"),
        ("server_error:handled=maybe", "handled is true or false"), ("reply_lost:at=1,at=2", "comes twice"),
        ("reply_malformed:manner=ugly", "manner is one of"), ("order_rejected:reason=mood", "reason is one of"),
        ("huge_frame:size=1e99", "ordinary size"), ("reply_lost:count=1.5", "count is a whole number"),
        ("page_cut:method=WS", "no order calls on a socket"), ("slow_reply:path=*.order_place", "no order calls on a"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_a_sentence(text: str, said: str) -> None:
    """The refusal names what was found and what is allowed."""
    with pytest.raises(FaultRefused, match=said):
        parse_fault(text)


@pytest.mark.parametrize("data", [{"faults": []}, {"fault": {}}, {"seed": "x"}, {"fault": [{"at": 1}]}, {"seed": True}])
def test_what_is_no_plan_is_refused(data: dict[str, Any]) -> None:
    """Unknown tables, a seed that is no number, and a fault without a name."""
    with pytest.raises(FaultRefused):
        FaultPlan.from_data(data)


def test_two_faults_cannot_share_a_key() -> None:
    """A key names one random stream."""
    with pytest.raises(FaultRefused, match="the key 'a'"):
        FaultPlan((Fault("reply_lost", key="a"), Fault("reply_lost", key="a")))


async def test_a_fault_that_cannot_strike_there_is_refused(autojump_clock: Any, stand: Any) -> None:
    """MEXC's listen keys cannot die at Gate."""
    async with stand() as on:
        with pytest.raises(FaultRefused, match="strikes at mexc_spot, not at 'gate_spot'"):
            on.switch_on("listen_keys_die:venue=gate_spot")
        with pytest.raises(FaultRefused, match="no such fault is switched on"):
            on.world.faults.switch_off("listen_keys_die")


async def test_a_fault_acts_from_when_it_is_armed_until_it_is_ended(autojump_clock: Any, stand: Any) -> None:
    """Whatever was asked before: the path of every frame asks for those that act there alone."""
    async with stand() as on:
        faults = on.world.faults
        assert not faults.has("on_frame")
        key = on.switch_on("public_lost")
        assert faults.has("on_frame")
        assert not faults.has("on_request")
        faults.switch_off(key)
        assert not faults.has("on_frame")


def test_every_kind_is_listed_and_has_an_effect() -> None:
    """A name, a code of the catalogue, a sentence, and at least one effect; no code is both here and elsewhere."""
    listed = list_faults().splitlines()
    for kind, line in zip(KINDS.values(), listed, strict=True):
        assert line.startswith(kind.name)
        effects = (kind.on_connect, kind.on_request, kind.on_call, kind.on_frame, kind.on_heard, kind.in_world)
        assert any(effect is not None for effect in effects), kind.name
        assert kind.targets in TARGETS
        assert kind.what
        assert kind.scope in {"rest", "socket", "host", "venue", "market", "account"}
    assert {kind.code for kind in KINDS.values()} & set(ELSEWHERE) == set()


def test_every_code_of_the_catalogue_has_its_place() -> None:
    """Network, protocol, exchange and time: each code is a fault here or has a line that says where it is kept."""
    known = {kind.code for kind in KINDS.values()} | set(ELSEWHERE)
    last = {"N": 17, "P": 23, "X": 30, "T": 8}
    wanted = [f"{letter}{number:02}" for letter, most in last.items() for number in range(1, most + 1)]
    assert [code for code in wanted if code not in known] == []


@pytest.mark.parametrize(
    ("target", "venue", "hit", "missed"),
    [
        ("creates", "gate_spot", "POST /api/v4/spot/orders", "POST /api/v4/spot/batch_orders"),
        ("creates", "gate_futures", "POST /api/v4/futures/usdt/orders", "GET /api/v4/futures/usdt/orders"),
        ("creates", "mexc_spot", "POST /api/v3/order", "POST /api/v3/order/test"),
        ("cancels", "gate_spot", "DELETE /api/v4/spot/orders/12", "DELETE /api/v4/spot/orders"),
        ("cancels", "mexc_spot", "DELETE /api/v3/order", "DELETE /api/v3/openOrders"),
        ("position_reads", "gate_futures", "GET /api/v4/futures/usdt/positions/X", "GET /api/v4/futures/usdt/fee"),
        ("position_reads", "mexc_spot", "", "GET /api/v3/account"),
        ("books", "gate_spot", "PUSH spot.order_book_update", "PUSH spot.order_book"),
        ("fills", "mexc_spot", "PUSH spot@private.deals.v3.api.pb", "PUSH spot@private.orders.v3.api.pb"),
        ("spot.*", "gate_spot", "PUSH spot.trades", "PUSH futures.trades"),
    ],
)
def test_targets_mean_what_they_say(target: str, venue: Any, hit: str, missed: str) -> None:
    """Each name hits its endpoints and channels at that venue, and not their neighbours."""
    found = pattern(target, venue)
    assert not hit or found.match(hit)
    assert not found.match(missed)


@pytest.mark.parametrize("venue", VENUES)
async def test_the_script_decides_which_request_is_struck(autojump_clock: Any, stand: Any, venue: str) -> None:
    """`on_nth` skips those before it, `count` ends it, `at` and `for` bound it in time."""
    async with stand(f"server_error:venue={venue},on_nth=3,count=2", f"html_reply:venue={venue},at=10,for=5") as on:
        statuses = [(await on.client.time(venue)).status for _ in range(6)]
        assert statuses == [200, 200, 500, 500, 200, 200]
        kinds = []
        for _ in range(8):
            kinds.append((await on.client.time(venue)).headers.get("content-type", "")[:9])
            await on.wait(2.5)
        assert kinds.count("text/html") == 2
        assert [a.name for a in on.strikes()] == ["server_error"] * 2 + ["html_reply"] * 2
        assert all(10 <= a.elapsed_s < 15 for a in on.strikes("html_reply"))


async def test_filters_choose_by_client_id_method_and_path(autojump_clock: Any, stand: Any) -> None:
    """Only the order whose client id has the prefix is struck, at every venue alike, and the record says which."""
    async with stand("server_error:client_id=dnb-,method=POST") as on:
        for venue in VENUES:
            quantity = "10" if venue == "gate_futures" else "0.001"
            answers = [
                (await on.client.create(venue, "buy", quantity, on.far(venue), name)).status
                for name in ("other-1", "dnb-1", "other-2")
            ]
            assert answers == [answers[0], 500, answers[0]]
        assert [(a.venue, a.method, a.client_id) for a in on.strikes()] == [(v, "POST", "dnb-1") for v in VENUES]


async def test_chance_is_the_faults_own_and_the_seeds(autojump_clock: Any, stand: Any) -> None:
    """One seed gives one run; another fault beside it changes nothing of it; another seed gives another run."""

    async def struck(*faults: str, seed: int) -> list[bool]:
        async with stand(*faults, seed=seed) as on:
            return [(await on.client.time("mexc_spot")).status == 500 for _ in range(40)]

    first = await struck("server_error:probability=0.3", seed=1)
    assert first == await struck("server_error:probability=0.3", seed=1)
    assert first == await struck("reply_delayed:probability=0.5", "server_error:probability=0.3", seed=1)
    assert first != await struck("server_error:probability=0.3", seed=2)
    assert 4 <= sum(first) <= 22


async def test_a_plan_that_was_logged_replays(autojump_clock: Any, stand: Any) -> None:
    """What an audit tells of a run, plan and seed, makes the same strikes again, even of faults switched on later."""
    async with stand("server_error:probability=0.4", seed=5) as on:
        on.switch_on("html_reply:probability=0.4")
        before = [(await on.client.time("gate_spot")).status for _ in range(20)]
        told = json.loads(json.dumps(on.world.audit()["faults"]))
    plan = FaultPlan.from_data(told["plan"])
    async with stand(plan=plan) as on:
        assert [(await on.client.time("gate_spot")).status for _ in range(20)] == before
        again = on.world.audit()["faults"]["activations"]
    assert [(a["name"], a["path"]) for a in again] == [(a["name"], a["path"]) for a in told["activations"]]
