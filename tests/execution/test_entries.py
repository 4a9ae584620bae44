"""The bytes of an entry are a promise: golden vectors, and the one canonical form."""

import json
from hashlib import sha256
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.execution.entries import (
    AccountOpened,
    Entry,
    Fill,
    FundsMoved,
    KillSwitchSet,
    Kind,
    Leg,
    LimitOverridden,
    LimitsSet,
    LimitsText,
    MarginChanged,
    Order,
    OrderActivated,
    OrderCancelled,
    OrderDecided,
    OrderExpired,
    OrderFilled,
    OrderTrailed,
    OrderTriggered,
    PositionRolled,
    Posting,
    QuoteGiven,
    QuoteSeen,
    Rejection,
    ResumeAsked,
    ScopedLimits,
    TradingStateSet,
    decode,
    encode,
    keys_of,
    order_keys,
    write_key,
)
from tallystick.ledger.merkle import leaf_hash
from tallystick.ledger.notices import Notice
from tallystick.ledger.verify.canonical import decode_canonical

AT = "2026-11-22T04:30:00.123456Z"
ORDER = Order(
    id="O-12",
    account="demo",
    client_order_id="c-1",
    pair="EUR/USD",
    side="buy",
    quantity="1000000.00",
    type="market",
    time_in_force="FOK",
    price=None,
    state="filled",
)
LIMIT = msgspec.structs.replace(ORDER, type="limit", time_in_force="GTC", price="1.08260")
QUOTE = QuoteSeen("1.08249", "1.08251", "2026-11-22T04:30:00.000000Z", "ecb-anchored (synthetic)")
FILL = Fill("F-12-1", "1.08251", "1000000.00", "1082510.00", "2026-11-25")
POSTINGS = (
    Posting("demo", "EUR", "1000000.00"),
    Posting("house", "EUR", "-1000000.00"),
    Posting("demo", "USD", "-1082510.00"),
    Posting("house", "USD", "1082510.00"),
)
STOP = msgspec.structs.replace(
    LIMIT, type="stop_limit", time_in_force="GTD", state="new", stop_price="1.08300",
    trigger="mid", expires_at="2026-11-23T22:00:00.000000Z", position_fill="reduce_first",
)  # fmt: skip
TRAILING = msgspec.structs.replace(
    ORDER, side="sell", type="trailing_stop", time_in_force="GFD", state="new",
    stop_price="1.08149", distance="0.00100", expires_at="2026-11-23T22:00:00.000000Z",
    price_bound="1.08000", position_fill="reduce_only", parent="O-9", oco="O-11", trade="F-9-1",
)  # fmt: skip
PART = Fill("F-12-1", "1.08251", "400000.00", "433004.00", "2026-11-25")
REST = Fill("F-12-2", "1.08253", "600000.00", "649518.00", "2026-11-25")
LIMITS = LimitsText("10000000", "100000000.00", 100, 1000, 3)
KEY = write_key("demo trader", "k-1")
OPTIONAL = {"key", "request", "asked_by", "home_rate", "tenor"}
"""Members that newer kinds have where they apply."""
SCOPED = ScopedLimits("5000000", None, "7.50", None, 50, 10, 20, 40, 5, 1000)
KINDS = set(Kind.__args__) - set(Notice.__args__)
ENTRIES: dict[str, Entry] = {
    "order_decided": OrderDecided(
        AT, ORDER, "ab" * 32, key="c-1", fills=(FILL,), postings=POSTINGS, quote=QUOTE
    ),
    "order_decided, rejected": OrderDecided(
        AT,
        msgspec.structs.replace(ORDER, state="rejected"),
        "cd" * 32,
        rejection=Rejection("NO_PRICE", "There is no price for the pair."),
    ),
    "order_filled": OrderFilled(AT, LIMIT, (FILL,), POSTINGS, QUOTE),
    "order_cancelled": OrderCancelled(
        AT,
        msgspec.structs.replace(LIMIT, state="cancelled"),
        by="demo trader",
        reason="asked by the client",
    ),
    "account_opened": AccountOpened(
        AT, "demo", LimitsText("10000000", "100000000.00", 100, 1000, 3)
    ),
    "kill_switch_set": KillSwitchSet(AT, None, True, 'Zoë "Z"', "\N{EURO SIGN} spike\n"),
    "order_decided, every word of the second form": OrderDecided(
        AT,
        msgspec.structs.replace(
            STOP,
            state="partially_filled",
            filled="400000.00",
            triggered=True,
            oco="O-12",
            linked=2,
            replaces="O-7",
        ),
        "ab" * 32,
        fills=(PART,),
        postings=POSTINGS,
        quote=QUOTE,
        v=2,
        home_rate="0.9237848450",
        by="margin close-out",
    ),
    "order_decided, a trailing stop that waits": OrderDecided(
        AT, msgspec.structs.replace(TRAILING, state="suspended"), "ab" * 32, v=2
    ),
    "order_decided, a swap": OrderDecided(
        AT,
        msgspec.structs.replace(ORDER, type="quoted", quote="Q-8"),
        "ab" * 32,
        fills=(msgspec.structs.replace(FILL, side="sell"), REST),
        postings=(msgspec.structs.replace(POSTINGS[0], value_date="2026-12-28"), POSTINGS[1]),
        quote=QUOTE,
        v=2,
    ),
    "order_filled, in part": OrderFilled(
        AT,
        msgspec.structs.replace(LIMIT, state="partially_filled", filled="400000.00"),
        (PART,),
        POSTINGS,
        QUOTE,
        v=2,
        home_rate="0.9237848450",
    ),
    "order_cancelled, with its code": OrderCancelled(
        AT,
        msgspec.structs.replace(LIMIT, state="cancelled"),
        "demo trader",
        "changed my mind",
        v=2,
        code="CLIENT_REQUEST",
        key=KEY,
        request="ef" * 32,
    ),
    "order_expired": OrderExpired(AT, msgspec.structs.replace(STOP, state="expired")),
    "order_triggered": OrderTriggered(AT, msgspec.structs.replace(STOP, triggered=True), QUOTE),
    "order_trailed": OrderTrailed(AT, TRAILING, QUOTE),
    "order_activated": OrderActivated(AT, TRAILING),
    "account_opened, configured": AccountOpened(
        AT,
        "demo",
        LIMITS,
        2,
        "majors",
        "EUR",
        "hedging",
        "esma_retail",
        "daily",
        "an operator",
        KEY,
        "ef" * 32,
    ),
    "funds_moved": FundsMoved(AT, "demo", POSTINGS[:2], "cashier", "a deposit", KEY, "ef" * 32),
    "funds_moved, by nobody's key": FundsMoved(AT, "demo", POSTINGS[:2], "cashier", "a deposit"),
    "margin_changed": MarginChanged(AT, "demo", "call_entered", "900.00", "1000.00"),
    "position_rolled": PositionRolled(
        AT,
        "demo",
        "EUR/USD",
        "1000000.00",
        "2026-11-25",
        "2026-11-26",
        1,
        "1.08250",
        "193.5",
        "408.0",
        "-64.50",
        (
            Posting("demo", "EUR", "-1000000.00", "2026-11-25"),
            Posting("demo", "EUR", "1000000.00", "2026-11-26"),
        ),
        QUOTE,
        home_rate="0.9237848450",
    ),
    "trading_state_set": TradingStateSet(AT, "all", None, "halted", "risk", "a spike"),
    "trading_state_set, by two": TradingStateSet(
        AT, "desk", "majors", "active", "risk", "it is over", "second", KEY, "ef" * 32
    ),
    "resume_asked": ResumeAsked(
        AT, "account", "demo", "reducing", "risk", "it is over", KEY, "ef" * 32
    ),
    "limits_set": LimitsSet(AT, "pair", "EUR/USD", SCOPED, "risk", "less", KEY, "ef" * 32),
    "limit_overridden": LimitOverridden(
        AT,
        "account",
        "demo",
        "order_quantity_max",
        "20000000",
        "2026-11-22T18:00:00.000000Z",
        "a large client order",
        "the approver",
        "risk",
        "text\n\n\u2014 approver sig\n",
        KEY,
        "ef" * 32,
    ),
    "quote_given": QuoteGiven(
        AT,
        "Q-8",
        "demo",
        "EUR/USD",
        "swap",
        "1000000.00",
        (
            Leg("2026-11-25", "1.08249", "1.08251", "0.0", "0.0"),
            Leg("2026-12-28", "1.08431", "1.08439", "18.2", "18.8"),
        ),
        "1.08249",
        "1.08251",
        "2026-11-22T04:30:15.123456Z",
        "ecb-anchored (synthetic)",
        "ab" * 32,
        "k-1",
        "1M",
    ),
}
# Never to change: receipts that were given out hold these bytes and hashes.
# A new form of an entry gets a new `v` and vectors of its own.
GOLDEN: dict[str, tuple[str, str]] = {
    "order_decided": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","fills":[{"amount":"1082510.00",'
            '"id":"F-12-1","price":"1.08251","quantity":"1000000.00",'
            '"value_date":"2026-11-25"}],"key":"c-1","kind":"order_decided",'
            '"order":{"account":"demo","client_order_id":"c-1","id":"O-12","pair":"EUR/USD",'
            '"price":null,"quantity":"1000000.00","side":"buy","state":"filled",'
            '"time_in_force":"FOK","type":"market"},"postings":[{"account":"demo",'
            '"amount":"1000000.00","currency":"EUR"},{"account":"house",'
            '"amount":"-1000000.00","currency":"EUR"},{"account":"demo",'
            '"amount":"-1082510.00","currency":"USD"},{"account":"house",'
            '"amount":"1082510.00","currency":"USD"}],"quote":{"ask":"1.08251",'
            '"at":"2026-11-22T04:30:00.000000Z","bid":"1.08249",'
            '"source":"ecb-anchored (synthetic)"},"rejection":null,'
            '"request":"abababababababababababababababababababababababababababababababab",'
            '"v":1}'
        ),
        "ee5fbac7989a9099d14078cc2aee870e7d9e85b933bab02578b390faf768659d",
    ),
    "order_decided, rejected": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","fills":[],"key":null,'
            '"kind":"order_decided","order":{"account":"demo","client_order_id":"c-1",'
            '"id":"O-12","pair":"EUR/USD","price":null,"quantity":"1000000.00","side":"buy",'
            '"state":"rejected","time_in_force":"FOK","type":"market"},"postings":[],'
            '"quote":null,"rejection":{"code":"NO_PRICE",'
            '"reason":"There is no price for the pair."},'
            '"request":"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",'
            '"v":1}'
        ),
        "875603cb3a403319eefc9d8de3aa864f82c8551e0e32ed29d8dcb9095f3fcd43",
    ),
    "order_filled": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","fills":[{"amount":"1082510.00",'
            '"id":"F-12-1","price":"1.08251","quantity":"1000000.00",'
            '"value_date":"2026-11-25"}],"kind":"order_filled","order":{"account":"demo",'
            '"client_order_id":"c-1","id":"O-12","pair":"EUR/USD","price":"1.08260",'
            '"quantity":"1000000.00","side":"buy","state":"filled","time_in_force":"GTC",'
            '"type":"limit"},"postings":[{"account":"demo","amount":"1000000.00",'
            '"currency":"EUR"},{"account":"house","amount":"-1000000.00",'
            '"currency":"EUR"},{"account":"demo","amount":"-1082510.00",'
            '"currency":"USD"},{"account":"house","amount":"1082510.00","currency":"USD"}],'
            '"quote":{"ask":"1.08251","at":"2026-11-22T04:30:00.000000Z","bid":"1.08249",'
            '"source":"ecb-anchored (synthetic)"},"v":1}'
        ),
        "7e1b8ecbe4bfbffad9e84a0f42240258e621c6be60a6597e285bd9ce578f1a92",
    ),
    "order_cancelled": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","by":"demo trader",'
            '"kind":"order_cancelled","order":{"account":"demo","client_order_id":"c-1",'
            '"id":"O-12","pair":"EUR/USD","price":"1.08260","quantity":"1000000.00",'
            '"side":"buy","state":"cancelled","time_in_force":"GTC","type":"limit"},'
            '"reason":"asked by the client","v":1}'
        ),
        "339cd73eddbb6311bc99ae3829663dd66bd2de3598b78b10bc6f071946c38194",
    ),
    "account_opened": (
        (
            '{"account":"demo","at":"2026-11-22T04:30:00.123456Z","kind":"account_opened",'
            '"limits":{"collar_bps":100,"duplicate_window_ms":1000,"duplicates_max":3,'
            '"order_quantity_max":"10000000","position_usd_max":"100000000.00"},"v":1}'
        ),
        "696828aa7145bc6c61902926b19c22c37c93e3c04cb30b304e7a15b4b658398f",
    ),
    "kill_switch_set": (
        (
            '{"account":null,"active":true,"at":"2026-11-22T04:30:00.123456Z",'
            r'"by":"Zoë \"Z\"","kind":"kill_switch_set","reason":"€ spike\n","v":1}'
        ),
        "579e8f6eb8866f52321e240396e70706a6b5355a61ec24334d2085570fe5b6d2",
    ),
    "order_decided, every word of the second form": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","by":"margin close-out","fills":[{"amount"'
            ':"433004.00","id":"F-12-1","price":"1.08251","quantity":"400000.00","value_dat'
            'e":"2026-11-25"}],"home_rate":"0.9237848450","key":null,"kind":"order_decided"'
            ',"order":{"account":"demo","client_order_id":"c-1","expires_at":"2026-11-23T22'
            ':00:00.000000Z","filled":"400000.00","id":"O-12","linked":2,"oco":"O-12","pair'
            '":"EUR/USD","position_fill":"reduce_first","price":"1.08260","quantity":"10000'
            '00.00","replaces":"O-7","side":"buy","state":"partially_filled","stop_price":"'
            '1.08300","time_in_force":"GTD","trigger":"mid","triggered":true,"type":"stop_l'
            'imit"},"postings":[{"account":"demo","amount":"1000000.00","currency":"EUR"},{'
            '"account":"house","amount":"-1000000.00","currency":"EUR"},{"account":"demo","'
            'amount":"-1082510.00","currency":"USD"},{"account":"house","amount":"1082510.0'
            '0","currency":"USD"}],"quote":{"ask":"1.08251","at":"2026-11-22T04:30:00.00000'
            '0Z","bid":"1.08249","source":"ecb-anchored (synthetic)"},"rejection":null,"req'
            'uest":"abababababababababababababababababababababababababababababababab","v":2'
            "}"
        ),
        "29e74e45b3c3726c0858f6533ff4230a9fc77b10a191e19727e7275dd72bbcc7",
    ),
    "order_decided, a trailing stop that waits": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","fills":[],"key":null,"kind":"order_decide'
            'd","order":{"account":"demo","client_order_id":"c-1","distance":"0.00100","exp'
            'ires_at":"2026-11-23T22:00:00.000000Z","id":"O-12","oco":"O-11","pair":"EUR/US'
            'D","parent":"O-9","position_fill":"reduce_only","price":null,"price_bound":"1.'
            '08000","quantity":"1000000.00","side":"sell","state":"suspended","stop_price":'
            '"1.08149","time_in_force":"GFD","trade":"F-9-1","type":"trailing_stop"},"posti'
            'ngs":[],"quote":null,"rejection":null,"request":"ababababababababababababababa'
            'bababababababababababababababababab","v":2}'
        ),
        "c39d9a24d8f991a3a27e03b056189b62e3b12a2b74b33a9f36a275308d646802",
    ),
    "order_decided, a swap": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","fills":[{"amount":"1082510.00","id":"F-12'
            '-1","price":"1.08251","quantity":"1000000.00","side":"sell","value_date":"2026'
            '-11-25"},{"amount":"649518.00","id":"F-12-2","price":"1.08253","quantity":"600'
            '000.00","value_date":"2026-11-25"}],"key":null,"kind":"order_decided","order":'
            '{"account":"demo","client_order_id":"c-1","id":"O-12","pair":"EUR/USD","price"'
            ':null,"quantity":"1000000.00","quote":"Q-8","side":"buy","state":"filled","tim'
            'e_in_force":"FOK","type":"quoted"},"postings":[{"account":"demo","amount":"100'
            '0000.00","currency":"EUR","value_date":"2026-12-28"},{"account":"house","amoun'
            't":"-1000000.00","currency":"EUR"}],"quote":{"ask":"1.08251","at":"2026-11-22T'
            '04:30:00.000000Z","bid":"1.08249","source":"ecb-anchored (synthetic)"},"reject'
            'ion":null,"request":"ababababababababababababababababababababababababababababa'
            'bababab","v":2}'
        ),
        "fb7d68db86fdfbb6720c359400245bd781ab2a254954b0871b7d705ce8049fdb",
    ),
    "order_filled, in part": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","fills":[{"amount":"433004.00","id":"F-12-'
            '1","price":"1.08251","quantity":"400000.00","value_date":"2026-11-25"}],"home_'
            'rate":"0.9237848450","kind":"order_filled","order":{"account":"demo","client_o'
            'rder_id":"c-1","filled":"400000.00","id":"O-12","pair":"EUR/USD","price":"1.08'
            '260","quantity":"1000000.00","side":"buy","state":"partially_filled","time_in_'
            'force":"GTC","type":"limit"},"postings":[{"account":"demo","amount":"1000000.0'
            '0","currency":"EUR"},{"account":"house","amount":"-1000000.00","currency":"EUR'
            '"},{"account":"demo","amount":"-1082510.00","currency":"USD"},{"account":"hous'
            'e","amount":"1082510.00","currency":"USD"}],"quote":{"ask":"1.08251","at":"202'
            '6-11-22T04:30:00.000000Z","bid":"1.08249","source":"ecb-anchored (synthetic)"}'
            ',"v":2}'
        ),
        "b213142c11bc2c6aca4c1812476a096660737132ba5d2ca79b042b954e718187",
    ),
    "order_cancelled, with its code": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","by":"demo trader","code":"CLIENT_REQUEST"'
            ',"key":"write demo trader k-1","kind":"order_cancelled","order":{"account":"de'
            'mo","client_order_id":"c-1","id":"O-12","pair":"EUR/USD","price":"1.08260","qu'
            'antity":"1000000.00","side":"buy","state":"cancelled","time_in_force":"GTC","t'
            'ype":"limit"},"reason":"changed my mind","request":"efefefefefefefefefefefefef'
            'efefefefefefefefefefefefefefefefefefef","v":2}'
        ),
        "c61d3d281eb60c5e4a92e200e87af7117b14ba0e4e8e775282a98b20c6ef6781",
    ),
    "order_expired": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","kind":"order_expired","order":{"account":'
            '"demo","client_order_id":"c-1","expires_at":"2026-11-23T22:00:00.000000Z","id"'
            ':"O-12","pair":"EUR/USD","position_fill":"reduce_first","price":"1.08260","qua'
            'ntity":"1000000.00","side":"buy","state":"expired","stop_price":"1.08300","tim'
            'e_in_force":"GTD","trigger":"mid","type":"stop_limit"},"v":1}'
        ),
        "c11ed1806927c4cbe2eb0aae7a7fd21a797cf2336fedf996c6b0d579624cd6fd",
    ),
    "order_triggered": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","kind":"order_triggered","order":{"account'
            '":"demo","client_order_id":"c-1","expires_at":"2026-11-23T22:00:00.000000Z","i'
            'd":"O-12","pair":"EUR/USD","position_fill":"reduce_first","price":"1.08260","q'
            'uantity":"1000000.00","side":"buy","state":"new","stop_price":"1.08300","time_'
            'in_force":"GTD","trigger":"mid","triggered":true,"type":"stop_limit"},"quote":'
            '{"ask":"1.08251","at":"2026-11-22T04:30:00.000000Z","bid":"1.08249","source":"'
            'ecb-anchored (synthetic)"},"v":1}'
        ),
        "4dd16124da0a09df1505aa89cf035da310e367a56b47191e10facea86186747f",
    ),
    "order_trailed": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","kind":"order_trailed","order":{"account":'
            '"demo","client_order_id":"c-1","distance":"0.00100","expires_at":"2026-11-23T2'
            '2:00:00.000000Z","id":"O-12","oco":"O-11","pair":"EUR/USD","parent":"O-9","pos'
            'ition_fill":"reduce_only","price":null,"price_bound":"1.08000","quantity":"100'
            '0000.00","side":"sell","state":"new","stop_price":"1.08149","time_in_force":"G'
            'FD","trade":"F-9-1","type":"trailing_stop"},"quote":{"ask":"1.08251","at":"202'
            '6-11-22T04:30:00.000000Z","bid":"1.08249","source":"ecb-anchored (synthetic)"}'
            ',"v":1}'
        ),
        "67395158ab6db7d607942f0377646d24953530175238a0ab2ed1d4306d82bb63",
    ),
    "order_activated": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","kind":"order_activated","order":{"account'
            '":"demo","client_order_id":"c-1","distance":"0.00100","expires_at":"2026-11-23'
            'T22:00:00.000000Z","id":"O-12","oco":"O-11","pair":"EUR/USD","parent":"O-9","p'
            'osition_fill":"reduce_only","price":null,"price_bound":"1.08000","quantity":"1'
            '000000.00","side":"sell","state":"new","stop_price":"1.08149","time_in_force":'
            '"GFD","trade":"F-9-1","type":"trailing_stop"},"v":1}'
        ),
        "3c8002ed0f21f525bc4334463cbc2aaf061281aee0e09bbed97c86ff495f77ee",
    ),
    "account_opened, configured": (
        (
            '{"account":"demo","at":"2026-11-22T04:30:00.123456Z","by":"an operator","desk"'
            ':"majors","financing":"daily","home":"EUR","key":"write demo trader k-1","kind'
            '":"account_opened","limits":{"collar_bps":100,"duplicate_window_ms":1000,"dupl'
            'icates_max":3,"order_quantity_max":"10000000","position_usd_max":"100000000.00'
            '"},"margin":"esma_retail","mode":"hedging","request":"efefefefefefefefefefefef'
            'efefefefefefefefefefefefefefefefefefefef","v":2}'
        ),
        "aabe748057ac472dd6b116e8af150ed44224557f53250f465d57c05c96721b32",
    ),
    "funds_moved": (
        (
            '{"account":"demo","at":"2026-11-22T04:30:00.123456Z","by":"cashier","key":"wri'
            'te demo trader k-1","kind":"funds_moved","postings":[{"account":"demo","amount'
            '":"1000000.00","currency":"EUR"},{"account":"house","amount":"-1000000.00","cu'
            'rrency":"EUR"}],"reason":"a deposit","request":"efefefefefefefefefefefefefefef'
            'efefefefefefefefefefefefefefefefef","v":1}'
        ),
        "dea5605a69287624a800c9caf5245ed35ed2710fbee84f7d527ebb76d51b85c0",
    ),
    "funds_moved, by nobody's key": (
        (
            '{"account":"demo","at":"2026-11-22T04:30:00.123456Z","by":"cashier","key":null'
            ',"kind":"funds_moved","postings":[{"account":"demo","amount":"1000000.00","cur'
            'rency":"EUR"},{"account":"house","amount":"-1000000.00","currency":"EUR"}],"re'
            'ason":"a deposit","v":1}'
        ),
        "563396f99a8021cd4557d902a39adc2de50c395c9d2bf4f3eed5ac6b4b2f9196",
    ),
    "margin_changed": (
        (
            '{"account":"demo","at":"2026-11-22T04:30:00.123456Z","equity":"900.00","event"'
            ':"call_entered","kind":"margin_changed","used":"1000.00","v":1}'
        ),
        "de53864a6c6960d24e04ab55304c9e2f056beb5b28e03edf6a120b3be228ff80",
    ),
    "position_rolled": (
        (
            '{"account":"demo","at":"2026-11-22T04:30:00.123456Z","base_rate_bps":"193.5","'
            'days":1,"financing":"-64.50","from_date":"2026-11-25","home_rate":"0.923784845'
            '0","kind":"position_rolled","pair":"EUR/USD","postings":[{"account":"demo","am'
            'ount":"-1000000.00","currency":"EUR","value_date":"2026-11-25"},{"account":"de'
            'mo","amount":"1000000.00","currency":"EUR","value_date":"2026-11-26"}],"price"'
            ':"1.08250","quote":{"ask":"1.08251","at":"2026-11-22T04:30:00.000000Z","bid":"'
            '1.08249","source":"ecb-anchored (synthetic)"},"quote_rate_bps":"408.0","to_dat'
            'e":"2026-11-26","units":"1000000.00","v":1}'
        ),
        "a2a1bb9d7b9cc0accbf181d93d31aace69613740c4df70043349d01e5ca65988",
    ),
    "trading_state_set": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","by":"risk","id":null,"kind":"trading_stat'
            'e_set","reason":"a spike","scope":"all","state":"halted","v":1}'
        ),
        "bcc206cd401e15579ef051022989306a7608780bba2be6c22870e37476bc3736",
    ),
    "trading_state_set, by two": (
        (
            '{"asked_by":"second","at":"2026-11-22T04:30:00.123456Z","by":"risk","id":"majo'
            'rs","key":"write demo trader k-1","kind":"trading_state_set","reason":"it is o'
            'ver","request":"efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef'
            'ef","scope":"desk","state":"active","v":1}'
        ),
        "e3bd188992d36a1c7f42a15ed914ddd2f99fc9cdc74a8615dd035867f051bae2",
    ),
    "resume_asked": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","by":"risk","id":"demo","key":"write demo '
            'trader k-1","kind":"resume_asked","reason":"it is over","request":"efefefefefe'
            'fefefefefefefefefefefefefefefefefefefefefefefefefefef","scope":"account","stat'
            'e":"reducing","v":1}'
        ),
        "b6487665a90449c77ffa67f1d2d8fa889095a2ac70be18180186d768d359ba06",
    ),
    "limits_set": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","by":"risk","id":"EUR/USD","key":"write de'
            'mo trader k-1","kind":"limits_set","limits":{"collar_bps":50,"execution_window'
            '_ms":1000,"executions_max":5,"message_burst":40,"messages_per_second":20,"open'
            '_orders_max":10,"order_quantity_max":"5000000","position_usd_max":"7.50"},"rea'
            'son":"less","request":"efefefefefefefefefefefefefefefefefefefefefefefefefefefe'
            'fefefefef","scope":"pair","v":1}'
        ),
        "8d230c668f1e99cf701c59eb4818463434aafff395fc8f66596dd477a60b35d9",
    ),
    "limit_overridden": (
        (
            '{"approver":"the approver","at":"2026-11-22T04:30:00.123456Z","by":"risk","id"'
            ':"demo","key":"write demo trader k-1","kind":"limit_overridden","limit":"order'
            '_quantity_max","note":"text\\n\\n— approver sig\\n","reason":"a large client orde'
            'r","request":"efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef'
            '","scope":"account","until":"2026-11-22T18:00:00.000000Z","v":1,"value":"20000'
            '000"}'
        ),
        "76f553255cd382b01cc08829673dbf3bd57cf486fec711124283b715bcea447b",
    ),
    "quote_given": (
        (
            '{"account":"demo","at":"2026-11-22T04:30:00.123456Z","id":"Q-8","key":"k-1","k'
            'ind":"quote_given","legs":[{"ask":"1.08251","ask_points":"0.0","bid":"1.08249"'
            ',"bid_points":"0.0","value_date":"2026-11-25"},{"ask":"1.08439","ask_points":"'
            '18.8","bid":"1.08431","bid_points":"18.2","value_date":"2026-12-28"}],"pair":"'
            'EUR/USD","quantity":"1000000.00","request":"ababababababababababababababababab'
            'ababababababababababababababab","source":"ecb-anchored (synthetic)","spot_ask"'
            ':"1.08251","spot_bid":"1.08249","tenor":"1M","type":"swap","v":1,"valid_until"'
            ':"2026-11-22T04:30:15.123456Z"}'
        ),
        "a02a73a6c331532a09a3bd1d67fc693c125735e15167819d25bd2ef080f551f7",
    ),
}
TEXT = st.text(max_size=30)


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_vectors(name: str) -> None:
    """Each kind's exact bytes and RFC 6962 leaf hash, and the entry again from the bytes."""
    text, leaf = GOLDEN[name]

    assert encode(ENTRIES[name]) == text.encode()
    assert sha256(b"\x00" + text.encode()).hexdigest() == leaf
    assert leaf_hash(text.encode()).hex() == leaf
    assert decode(text.encode()) == ENTRIES[name]


def test_every_kind_has_a_golden_vector() -> None:
    """A new kind of entry needs its vector in this file; notices have theirs in tests/ledger."""
    kinds = {json.loads(text)["kind"] for text, _leaf in GOLDEN.values()}

    assert kinds == {kind.__struct_config__.tag for kind in KINDS}


def sorted_within(value: Any) -> bool:
    """Every object inside has its members in order."""
    if isinstance(value, list):
        return all(map(sorted_within, value))
    if isinstance(value, dict):
        return list(value) == sorted(value) and all(map(sorted_within, value.values()))
    return not isinstance(value, float)


@given(account=TEXT, by=TEXT, reason=TEXT, number=st.integers(0, 2**53))
def test_one_canonical_form(account: str, by: str, reason: str, number: int) -> None:
    """Whatever text comes: RFC 8785 (sorted, no white space, no floats), and it reads back."""
    limits = LimitsText(by, reason, number, number, number)
    order = msgspec.structs.replace(LIMIT, account=account, client_order_id=by)
    for entry in (
        KillSwitchSet(AT, account, True, by, reason),
        AccountOpened(AT, account, limits),
        OrderCancelled(AT, order, by, reason),
        OrderDecided(AT, order, by, rejection=Rejection("NO_PRICE", reason)),
    ):
        data = encode(entry)
        value = json.loads(data)

        assert decode(data) == entry
        assert sorted_within(value)
        assert value == decode_canonical(data)
        plain = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert data == plain.encode()


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"{}",
        b'{"kind":"order_renamed","v":1}',
        b'{"at":"x","kind":"kill_switch_set","v":1}',
        GOLDEN["kill_switch_set"][0].encode()[:-1],
        GOLDEN["account_opened"][0].replace("100,", "100.5,").encode(),
        GOLDEN["order_decided"][0].replace('"buy"', '"hold"').encode(),
    ],
)
def test_other_bytes_are_no_entry(data: bytes) -> None:
    """An unknown kind, a missing member, a float, a side that is none: not read as an entry."""
    with pytest.raises(msgspec.DecodeError):
        decode(data)


@pytest.mark.parametrize("name", ENTRIES)
def test_what_an_entry_settles(name: str) -> None:
    """An order its client_order_id and its key; another write the key that it holds; or nothing."""
    entry = ENTRIES[name]
    said = json.loads(GOLDEN[name][0])

    keys = keys_of(entry)

    if said["kind"] == "order_decided":
        client = order_keys("demo", "c-1", said["key"])
        assert client == ("order demo c-1", "key demo c-1")[: len(client)]
        taken = said["order"].get("quote")
        assert keys == (client if taken is None else (*client, f"quote {taken}"))
    elif said["kind"] == "quote_given":
        assert keys == ("key demo k-1",)
    else:
        assert keys == ((KEY,) if said.get("key") else ())
    assert KEY == "write demo trader k-1"


@pytest.mark.parametrize("name", ENTRIES)
def test_the_first_form_has_no_later_member(name: str) -> None:
    """What says `v` 1 of a kind that has a second form has only the members of the first."""
    said = json.loads(GOLDEN[name][0])
    first = json.loads(GOLDEN.get(said["kind"], GOLDEN[name])[0])

    if said["v"] == 1:
        assert set(said) - set(first) <= OPTIONAL
        if said["kind"] in {"order_decided", "order_filled", "order_cancelled"}:
            assert set(said["order"]) == set(first["order"])
