"""The perpetual's account: position, wallet, account book, fee rates, and the modes that are refused by name."""

from __future__ import annotations

import hmac
from decimal import Decimal

import pytest

from dnbot.domain.errors import FrameUnreadable
from dnbot.domain.instrument import FeeSchedule, Instrument, Symbol, Venue
from dnbot.domain.position import AccountRow
from dnbot.venues.gateio.futures_private import GateFuturesPrivate
from dnbot.venues.wire import Balance, PositionReport, Refused, Reply

BTC = Symbol("BTC", "USDT")
D = Decimal
INSTRUMENT = Instrument(
    venue=Venue.GATE_FUTURES, symbol=BTC, tick_size=D("0.1"), lot_size=D("0.0001"), multiplier=D("0.0001")
)
POSITION = (
    '{"user":110000001,"contract":"BTC_USDT","size":-120,"leverage":"0","risk_limit":"1000000","leverage_max":"125",'
    '"maintenance_rate":"0.004","value":"1008.12","margin":"100.9","entry_price":"84020.5","liq_price":"161000.4",'
    '"mark_price":"84010.1","unrealised_pnl":"0.1248","realised_pnl":"-0.504","adl_ranking":3,"pending_orders":0,'
    '"close_order":null,"mode":"single","cross_leverage_limit":"10","update_time":1790000002,"update_id":17}'
)
WALLET = (
    '{"total":"2214.19","available":"2000.5","unrealised_pnl":"3","in_dual_mode":false,"currency":"USDT",'
    '"user":110284739,"update_time":1791000000,"margin_mode":0,"margin_mode_name":"classic","position_mode":"single"}'
)
DETAIL = '{"user_id":110000001,"ip_whitelist":["198.51.100.4"],"currency_pairs":["ETH_USDT"]}'
CLASSIC = '{"mode":"classic"}'


class KnownKey:
    """A key whose secret the test knows."""

    key_id = "key"

    def hmac_hex(self, algorithm: str, message: bytes) -> str:
        return hmac.new(b"secret", message, algorithm).hexdigest()


@pytest.fixture
def codec() -> GateFuturesPrivate:
    """A private codec of BTC/USDT that knows its multiplier of 0.0001."""
    told = GateFuturesPrivate(BTC, KnownKey())
    told.learn_instrument(INSTRUMENT)
    return told


def reply(body: str, status: int = 200) -> Reply:
    """An answer."""
    return Reply(status=status, headers={}, body=body.encode())


def frame(channel: str, rows: str) -> str:
    """A stream update."""
    return f'{{"time":1790000001,"time_ms":1790000001234,"channel":"{channel}","event":"update","result":[{rows}]}}'


# --- position
def test_a_position_is_signed_base_units(codec: GateFuturesPrivate) -> None:
    """A short is negative; a leverage of 0 is cross with its limit."""
    assert codec.position(reply(POSITION)) == PositionReport(
        Venue.GATE_FUTURES, D("-0.0120"), D("84020.5"), D("84010.1"), D("161000.4"), D(10), True, 3, 1790000002000, 17
    )


@pytest.mark.parametrize(
    ("changes", "leverage", "is_cross"),
    [
        ('"leverage":"5"', 5, False),
        ('"leverage":"0","pos_margin_mode":"cross","lever":"7"', 7, True),
        ('"leverage":"0","pos_margin_mode":"isolated","lever":"4"', 4, False),
        ('"lever":"0"', 10, True),
        ('"x":1', None, None),
    ],
)
def test_margin_mode_and_leverage(
    codec: GateFuturesPrivate, changes: str, leverage: int | None, is_cross: bool | None
) -> None:
    """Newer fields name the mode; older ones imply it; without either it is not said."""
    told = codec.position(reply(POSITION.replace('"leverage":"0"', changes)))
    assert (told.leverage, told.is_cross) == (leverage, is_cross)


def test_a_contract_never_touched_is_flat(codec: GateFuturesPrivate) -> None:
    """The label for it is no trouble and reads as zero; other refusals are."""
    answer = reply('{"label":"POSITION_NOT_FOUND"}', 400)
    assert codec.trouble(answer) is None
    assert codec.position(answer).base == 0
    dual = codec.trouble(reply('{"label":"POSITION_DUAL_MODE","message":"dual mode"}', 400))
    assert dual == Refused("POSITION_DUAL_MODE", "dual mode")
    flat = codec.position(reply(POSITION.replace('"size":-120', '"size":"0"').replace('"161000.4"', '"0"')))
    assert (flat.base, flat.liquidation_price) == (D(0), None)


@pytest.mark.parametrize("body", [POSITION.replace('"single"', '"dual_long"'), POSITION.replace('"size":-120,', ""),
                                  POSITION.replace("BTC_USDT", "ETH_USDT"), "[]", "{}"])
def test_a_position_that_cannot_be_trusted_is_unreadable(codec: GateFuturesPrivate, body: str) -> None:
    """Two-sided rows, missing sizes and other contracts are never read as our position."""
    with pytest.raises(FrameUnreadable):
        codec.position(reply(body))


def test_a_pushed_position(codec: GateFuturesPrivate) -> None:
    """All numbers, some with exponents; mark and rank are not said."""
    row = (
        '{"contract":"BTC_USDT","cross_leverage_limit":0,"entry_price":40000.36666661111,"history_pnl":-0.0001,'
        '"leverage":0,"leverage_max":100,"liq_price":0.1,"margin":49.9,"mode":"single","realised_pnl":-1.25e-8,'
        '"size":3,"time":1628736848,"time_ms":1628736848321,"user":"110","update_id":170919}'
    )
    assert codec.decode(frame("futures.positions", row)) == (
        PositionReport(
            Venue.GATE_FUTURES, D("0.0003"), D("40000.36666661111"), None, D("0.1"), None, True, None, 1628736848321,
            170919,
        ),
    )
    assert codec.decode(frame("futures.positions", row.replace("BTC_", "ETH_"))) == ()
    with pytest.raises(FrameUnreadable, match="dual"):
        codec.decode(frame("futures.positions", row.replace("single", "dual_short")))


# --- wallet
def pushed(balance: str, **changes: str) -> str:
    """A row of futures.balances."""
    row = {"currency": '"usdt"', "type": '"fee"', "time_ms": "1755738515671"} | changes
    rest = ",".join(f'"{key}":{value}' for key, value in row.items())
    return frame("futures.balances", f'{{"balance":{balance},"change":-0.0025776,"text":"-",{rest}}}')


def test_a_pushed_wallet_moves_what_was_free(codec: GateFuturesPrivate) -> None:
    """The stream tells the total alone: what is free follows it from the last read, and is 0 before one."""
    (told,) = codec.decode(pushed("2214.191673190433"))
    assert told == Balance(Venue.GATE_FUTURES, "USDT", D("2214.191673190433"), D(0), 1755738515671)
    assert codec.balances(reply(WALLET)) == (
        Balance(Venue.GATE_FUTURES, "USDT", D("2214.19"), D("2000.5")),
    )
    (told,) = codec.decode(pushed("2210.19"))
    assert isinstance(told, Balance)
    assert (told.total, told.available) == (D("2210.19"), D("1996.5"))
    (told,) = codec.decode(pushed("100"))
    assert isinstance(told, Balance)
    assert told.available == 0


def test_rows_about_points_or_other_coins_are_not_the_wallet(codec: GateFuturesPrivate) -> None:
    """A points row carries the points' balance: taken for USDT it would be a wrong number."""
    assert codec.decode(pushed("7", type='"point_fee"')) == ()
    assert codec.decode(pushed("7", currency='"btc"')) == ()


@pytest.mark.parametrize(
    ("found", "instead", "word"),
    [
        ('"margin_mode":0,"margin_mode_name":"classic"', '"margin_mode":1,"margin_mode_name":"multi_currency"',
         "multi_currency"),
        ('"margin_mode":0,"margin_mode_name":"classic"', '"margin_mode":3', "3"),
        ('"position_mode":"single"', '"position_mode":"dual"', "dual"),
        ('"position_mode":"single"', '"position_mode":"dual_plus"', "dual_plus"),
        ('"in_dual_mode":false', '"in_dual_mode":true', "single"),
    ],
)
def test_wallets_in_other_modes_are_refused_by_name(
    codec: GateFuturesPrivate, found: str, instead: str, word: str
) -> None:
    """Unified and two-sided accounts stand in `problem`, and their zero totals are never read as balances."""
    wallet = reply(WALLET.replace(found, instead))
    told = codec.facts([reply(DETAIL), reply(CLASSIC), wallet])
    assert told.problem is not None
    assert word in told.problem
    with pytest.raises(FrameUnreadable):
        codec.balances(wallet)


def test_facts_of_a_usable_account(codec: GateFuturesPrivate) -> None:
    """Classic and one-way is fine; the key's list of spot pairs does not concern contracts."""
    told = codec.facts([reply(DETAIL), reply(CLASSIC), reply(WALLET)])
    assert (told.problem, told.user_id, told.mode) == (None, "110000001", "classic")
    old = WALLET.replace(',"margin_mode":0,"margin_mode_name":"classic","position_mode":"single"', "")
    assert codec.facts([reply(DETAIL), reply(CLASSIC), reply(old)]).problem is None
    missing = codec.facts([reply(DETAIL), reply(CLASSIC), reply('{"label":"USER_NOT_FOUND"}', 400)])
    assert missing.problem is not None
    assert "transferred" in missing.problem


# --- account book and fees
def test_rows_of_the_account_book(codec: GateFuturesPrivate) -> None:
    """Funding and fees with their sign; points are their own asset; a row without an id is unreadable."""
    body = (
        '[{"time":1790000002.123456,"change":"-0.504123","balance":"2214.19","type":"fund","text":"BTC_USDT:5",'
        '"contract":"BTC_USDT","trade_id":"846107001","id":"7700123"},'
        '{"time":1682294400,"change":"-1","balance":"9","type":"point_fee","text":"BTC_USDT:6","trade_id":"1","id":8}]'
    )
    assert codec.account_rows(reply(body)) == (
        AccountRow(
            venue=Venue.GATE_FUTURES, row_id="7700123", asset="USDT", change=D("-0.504123"), balance=D("2214.19"),
            kind="fund", text="BTC_USDT:5", at_ns=1790000002123456000,
        ),
        AccountRow(
            venue=Venue.GATE_FUTURES, row_id="8", asset="POINT", change=D(-1), balance=D(9),
            kind="point_fee", text="BTC_USDT:6", at_ns=1682294400000000000,
        ),
    )
    with pytest.raises(FrameUnreadable):
        codec.account_rows(reply('[{"time":1,"balance":"1","type":"fund","id":8}]'))
    for name in ("", ',"id":""', ',"id":"1e400"', ',"id":null'):
        with pytest.raises(FrameUnreadable, match="not an id"):
            codec.account_rows(reply(f'[{{"time":1,"change":"1","balance":"1","type":"dnw","text":"-"{name}}}]'))


def test_fee_rates_are_the_accounts_own(codec: GateFuturesPrivate) -> None:
    """The entry of the contract; a map without it is unreadable."""
    body = '{"BTC_USDT":{"taker_fee":"0.0005","maker_fee":"-0.00020","rpi_maker_fee":""}}'
    told = FeeSchedule(venue=Venue.GATE_FUTURES, maker=D("-0.0002"), taker=D("0.0005"))
    assert codec.fees([reply(body)]) == told
    with pytest.raises(FrameUnreadable):
        codec.fees([reply(body.replace("BTC_USDT", "ETH_USDT"))])
