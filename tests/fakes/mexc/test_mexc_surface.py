"""Every endpoint, public channel and private stream of MEXC spot v3 is served: the list typed from the documents."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import trio

PUBLIC = """
ping
time
defaultSymbols
symbol/offline
announcements
exchangeInfo
exchangeInfo?symbol=BTCUSDT
exchangeInfo?symbols=BTCUSDT,ETHUSDT
depth?symbol=BTCUSDT
depth?symbol=BTCUSDT&limit=5000
trades?symbol=BTCUSDT&limit=1000
historicalTrades?symbol=BTCUSDT
aggTrades?symbol=BTCUSDT
klines?symbol=BTCUSDT&interval=1m
klines?symbol=BTCUSDT&interval=5m
klines?symbol=BTCUSDT&interval=15m
klines?symbol=BTCUSDT&interval=30m
klines?symbol=BTCUSDT&interval=60m
klines?symbol=BTCUSDT&interval=4h
klines?symbol=BTCUSDT&interval=1d
klines?symbol=BTCUSDT&interval=1W
klines?symbol=BTCUSDT&interval=1M
avgPrice?symbol=BTCUSDT
ticker/24hr
ticker/24hr?symbol=BTCUSDT
ticker/price
ticker/price?symbol=BTCUSDT
ticker/bookTicker
ticker/bookTicker?symbol=BTCUSDT
etf/info
"""
LIMIT_ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=0.01&price=59000"
ONE_ITEM = "batchOrders=%5B%7B%22symbol%22%3A%22BTCUSDT%22%2C%22side%22%3A%22BUY%22%2C%22type%22%3A%22LIMIT%22%7D%5D"
SIGNED = f"""
POST order?{LIMIT_ORDER}&newClientOrderId=one&stpMode=cancel_maker
POST order?symbol=BTCUSDT&side=BUY&type=MARKET&quoteOrderQty=100
POST order?symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.001
POST order?symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&quantity=0.01&price=59000
POST order?symbol=BTCUSDT&side=BUY&type=IMMEDIATE_OR_CANCEL&quantity=0.01&price=60001
POST order?symbol=BTCUSDT&side=BUY&type=FILL_OR_KILL&quantity=0.01&price=60001
POST order/test?{LIMIT_ORDER}
POST batchOrders?{ONE_ITEM}
GET order?symbol=BTCUSDT&origClientOrderId=one
GET openOrders?symbol=BTCUSDT,ETHUSDT
GET openOrders
GET allOrders?symbol=BTCUSDT&limit=1000
GET myTrades?symbol=BTCUSDT&limit=100
DELETE order?symbol=BTCUSDT&origClientOrderId=one
DELETE openOrders?symbol=BTCUSDT,ETHUSDT
DELETE order/all
GET account
GET tradeFee?symbol=BTCUSDT
GET selfSymbols
GET mxDeduct/enable
POST mxDeduct/enable?mxDeductEnable=true
GET kyc/status
GET uid
GET apiKeyInfo?accessKey=key-1
GET userDataStream
POST userDataStream
GET strategy/group?tradeGroupName=g
GET capital/config/getall
GET capital/deposit/address?coin=USDT
POST capital/deposit/address?coin=USDT&network=USDT
GET capital/deposit/hisrec
GET capital/withdraw/history
GET capital/withdraw/address
GET capital/transfer?fromAccountType=SPOT&toAccountType=FUTURES
GET capital/transfer/internal
GET capital/convert
GET capital/convert/list
GET capital/sub-account/universalTransfer?fromAccountType=SPOT&toAccountType=SPOT
GET asset/internal/transfer/record
GET sub-account/list
GET sub-account/apiKey?subAccount=s
GET sub-account/asset?subAccount=s&accountType=SPOT
GET rebate/taxQuery
GET rebate/detail
GET rebate/detail/kickback
GET rebate/referCode
GET rebate/affiliate/commission
GET rebate/affiliate/withdraw
GET rebate/affiliate/commission/detail
GET rebate/affiliate/campaign
GET rebate/affiliate/referral
GET rebate/affiliate/subaffiliates
GET rebate/affiliate/list
GET margin/loan
GET margin/repay
GET margin/allOrders
GET margin/myTrades
GET margin/openOrders
GET margin/isolated/account
GET margin/isolated/pair
GET margin/isolatedMarginData
GET margin/isolatedMarginTier
GET margin/forceLiquidationRec
GET margin/maxTransferable
GET margin/maxBorrowable
"""
REFUSED = """
PUT userDataStream?listenKey=x 730708
DELETE userDataStream?listenKey=x 730708
PUT userDataStream 730002
DELETE order?symbol=BTCUSDT&orderId=x -2011
GET order?symbol=BTCUSDT&orderId=x -2013
GET order?symbol=BTCUSDT 700004
GET margin/order -2013
POST apiKeyInfo?apiKey=other&ipWhiteList=1.1.1.1 10072
POST capital/transfer?fromAccountType=SPOT&toAccountType=FUTURES&asset=USDT&amount=1 33333
GET capital/transfer/tranId?tranId=1 22222
POST capital/withdraw?coin=USDT&address=a&amount=1 700007
POST capital/withdraw/apply?coin=USDT&address=a&amount=1 700007
DELETE capital/withdraw?id=1 700007
POST capital/transfer/internal?toAccountType=UID&toAccount=1&asset=USDT&amount=1 10206
POST capital/convert?asset=BTC 26
POST capital/sub-account/universalTransfer 140002
POST strategy/group?tradeGroupName=g 140002
DELETE strategy/group?tradeGroupId=1 140002
POST strategy/group/uid?uid=1&tradeGroupId=1 140002
DELETE strategy/group/uid?uid=1&tradeGroupId=1 140002
POST sub-account/virtualSubAccount 140002
POST sub-account/apiKey 140001
DELETE sub-account/apiKey 140001
POST sub-account/futures 140001
POST sub-account/margin 140001
DELETE margin/order 26
DELETE margin/openOrders 26
"""
PUBLIC_CHANNELS = """
aggre.depth.v3.api.pb@100ms@BTCUSDT publicAggreDepths
aggre.depth.v3.api.pb@10ms@BTCUSDT publicAggreDepths
aggre.bookTicker.v3.api.pb@100ms@BTCUSDT publicAggreBookTicker
aggre.bookTicker.v3.api.pb@10ms@BTCUSDT publicAggreBookTicker
aggre.deals.v3.api.pb@100ms@BTCUSDT publicAggreDeals
aggre.deals.v3.api.pb@10ms@BTCUSDT publicAggreDeals
bookTicker.batch.v3.api.pb@BTCUSDT publicBookTickerBatch
increase.depth.batch.v3.api.pb@BTCUSDT publicIncreaseDepthsBatch
limit.depth.v3.api.pb@BTCUSDT@5 publicLimitDepths
limit.depth.v3.api.pb@BTCUSDT@10 publicLimitDepths
limit.depth.v3.api.pb@BTCUSDT@20 publicLimitDepths
kline.v3.api.pb@BTCUSDT@Min1 publicSpotKline
kline.v3.api.pb@BTCUSDT@Min5 publicSpotKline
kline.v3.api.pb@BTCUSDT@Min15 publicSpotKline
kline.v3.api.pb@BTCUSDT@Min30 publicSpotKline
kline.v3.api.pb@BTCUSDT@Min60 publicSpotKline
kline.v3.api.pb@BTCUSDT@Hour4 publicSpotKline
kline.v3.api.pb@BTCUSDT@Hour8 publicSpotKline
kline.v3.api.pb@BTCUSDT@Day1 publicSpotKline
kline.v3.api.pb@BTCUSDT@Week1 publicSpotKline
kline.v3.api.pb@BTCUSDT@Month1 publicSpotKline
miniTicker.v3.api.pb@BTCUSDT@24H publicMiniTicker
miniTicker.v3.api.pb@BTCUSDT@UTC+8 publicMiniTicker
miniTickers.v3.api.pb@24H publicMiniTickers
miniTickers.v3.api.pb@UTC+0 publicMiniTickers
"""
PRIVATE_CHANNELS = "account privateAccount,deals privateDeals,orders privateOrders"
ZONES = (
    "24H UTC-10 UTC-8 UTC-7 UTC-6 UTC-5 UTC-4 UTC-3 UTC+0 UTC+1 UTC+2 UTC+3 UTC+4 UTC+4:30 UTC+5 UTC+5:30 UTC+6 UTC+7"
    " UTC+8 UTC+9 UTC+10 UTC+11 UTC+12 UTC+12:45 UTC+13"
).split()


def split(request: str) -> tuple[str, str]:
    """Path and query of a request."""
    path, _, query = request.partition("?")
    return path, query


@pytest.mark.parametrize("request_text", PUBLIC.split())
def test_public_endpoints_answer(fake: Any, request_text: str) -> None:
    """Each public endpoint answers 200 with JSON, before anything traded and after."""
    fake.app.venue.limits.enabled = False
    for _ in range(2):
        reply = fake.send("GET", *split(request_text))
        assert reply.status == 200, reply.body
        msgspec.json.decode(reply.body)
        fake.quote("buy", "60001", "0.1", "cross")


def test_signed_endpoints_answer(fake: Any) -> None:
    """Each signed endpoint that can succeed does, and is refused without a key."""
    fake.app.venue.limits.enabled = False
    for line in SIGNED.strip().splitlines():
        verb, _, request_text = line.partition(" ")
        reply = fake.signed(verb, *split(request_text))
        assert reply.status == 200, (line, reply.body)
        bare = fake.send(verb, *split(request_text))
        assert (bare.status, msgspec.json.decode(bare.body)["code"]) == (400, 400), line


@pytest.mark.parametrize("line", REFUSED.strip().splitlines())
def test_endpoints_that_refuse_say_why(fake: Any, line: str) -> None:
    """Each signed endpoint with nothing to succeed on is refused with its code at HTTP 400, never 404."""
    verb, request_text, code = line.split()
    reply = fake.signed(verb, *split(request_text))
    assert (reply.status, str(msgspec.json.decode(reply.body)["code"])) == (400, code)


async def test_public_channels_push(autojump_clock: Any, live: Any) -> None:
    """Each public channel is acknowledged under its own name and pushes its own body after a trade."""
    wanted = dict(line.split() for line in PUBLIC_CHANNELS.strip().splitlines())
    client = await live.open()
    names = [f"spot@public.{name}" for name in wanted]
    assert (await client.ask("SUBSCRIPTION", *names))["msg"] == ",".join(names)
    live.take("buy", "0.6")
    bodies = {frame.channel: frame.WhichOneof("body") for frame in await client.pushes_for(4.0)}
    assert bodies == {f"spot@public.{name}": body for name, body in wanted.items()}


@pytest.mark.parametrize("zone", ZONES)
async def test_every_time_zone_has_a_mini_ticker(autojump_clock: Any, live: Any, zone: str) -> None:
    """Both mini tickers exist in every documented zone, and push within three seconds."""
    client = await live.open()
    names = [f"spot@public.miniTicker.v3.api.pb@BTCUSDT@{zone}", f"spot@public.miniTickers.v3.api.pb@{zone}"]
    assert (await client.ask("SUBSCRIPTION", *names))["msg"] == ",".join(names)
    assert {frame.channel for frame in await client.pushes_for(3.1)} == set(names)


async def test_private_streams_push(autojump_clock: Any, live: Any) -> None:
    """Each private stream is acknowledged and pushes its own body after a fill."""
    wanted = {f"spot@private.{n}.v3.api.pb": body for n, body in map(str.split, PRIVATE_CHANNELS.split(","))}
    key = live.call("POST", "userDataStream")["listenKey"]
    client = await live.open(key)
    assert (await client.ask("SUBSCRIPTION", *wanted))["msg"] == ",".join(wanted)
    live.order(type="MARKET", price="")
    with trio.fail_after(5):
        assert {f.channel: f.WhichOneof("body") for f in await client.pushes_for(0.5)} == wanted
