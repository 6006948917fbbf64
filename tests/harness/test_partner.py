"""The simulated partner, sentence by sentence, as conversations: requests, what is said, what the book holds."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from described import partner

from harness.partner import Partner, PartnerAnswer, Received

KEYED = "idempotency: {header: Idempotency-Key}"

CREATE = """
create_order:
  request: {method: POST, path: /orders, body: input}
  effect: EFFECT
  identity: body.external_id
  result: body.id
  lookup: {call: find_order, input: "{external_id: once}", found: "length(body.items) > `0`"}
  answer: {status: 201, body: {id: "so-{{ n }}"}}
find_order:
  request: {method: GET, path: /orders, query: {external_id: input.external_id}}
  effect: none
  identity: query.external_id
  answer:
    - {when: known, status: 200, body: {items: [{id: "{{ known.result }}", for: "{{ known.identity }}"}]}}
    - {status: 200, body: {items: []}}
"""


def creates(effect: str) -> str:
    return CREATE.replace("EFFECT", effect)


@dataclass
class Ask:
    """One request and what is expected of its answer; `says` None: any body."""

    method: str
    path: str
    status: int
    says: Any = None
    body: Any = None
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    booked: bool = False


def post(external_id: Any, status: int, says: Any, *, booked: bool = False, key: str = "", more: Any = None) -> Ask:
    headers = {"idempotency-key": key} if key else {}
    body = {"external_id": external_id, **(more or {})}
    return Ask("POST", "/orders", status, says, body, headers=headers, booked=booked)


def find(external_id: str, items: list[Any]) -> Ask:
    return Ask("GET", "/orders", 200, {"items": items}, query={"external_id": external_id})


def authorize(attempt: str, status: int, says: Any = None, *, booked: bool = False, key: str = "") -> Ask:
    headers = {"idempotency-key": key} if key else {}
    return Ask("POST", "/payments", status, says, {"attempt": attempt}, headers=headers, booked=booked)


def change(reference: str, state: str) -> Ask:
    body = {"reference": reference, "order": "o1", "state": state}
    return Ask("POST", "/changes", 201, None, body, booked=True)


def ask(served: Partner, request: Ask) -> PartnerAnswer:
    path = [segment.replace("%2F", "/") for segment in request.path.split("/")[1:]]
    return served.answer(Received(request.method, path, request.query, request.headers, request.body))


ONE, TWO = {"id": "so-1"}, {"id": "so-2"}
PATHS = """
list_orders: {request: {method: GET, path: /orders}, effect: none, answer: {status: 200, body: list}}
count_orders: {request: {method: GET, path: /orders/count}, effect: none, answer: {status: 200, body: count}}
read_order:
  request: {method: GET, path: "/orders/{{ input.id }}"}
  effect: none
  answer: {status: 200, body: read}
cancel_order:
  request: {method: POST, path: "/orders/{{ input.id }}/cancel"}
  effect: idempotent
  identity: path[1]
  answer: {status: 200, body: cancelled}
read_label:
  request: {method: GET, path: "/labels/{{ input.id }}.{% if input.small %}png{% else %}pdf{% endif %}"}
  effect: none
  answer: {status: 200, body: label}
"""
SHARED = """
create_order:
  request: {method: POST, path: /graphql, body: input}
  effect: unprotected
  identity: body.order
  answer: {status: 200, body: order}
create_refund:
  request: {method: POST, path: /graphql, body: input}
  effect: unprotected
  identity: body.refund
  answer: {status: 200, body: refund}
"""
REFUSING = """
create_order:
  request: {method: POST, path: /orders, body: input}
  effect: idempotent
  identity: body.external_id
  answer:
    - {when: known, status: 409, body: {error: exists, as: "{{ known.identity }}"}}
    - {status: 201, body: {id: "so-{{ n }}"}}
"""
RICH = """
create_order:
  request: {method: POST, path: /orders, body: input}
  effect: verifiable
  identity: body.external_id
  result: {fields: {number: body.number, link: body.link}}
  lookup: {call: read_order, input: "{id: once}", found: "status == `200`"}
  answer: {status: 201, headers: {Location: "/orders/{{ n }}"}, body: {number: "N{{ n }}", link: headers}}
read_order:
  request: {method: GET, path: "/orders/{{ input.id }}"}
  effect: none
  identity: path[1]
  answer: [{when: known, status: 200, body: {for: "{{ known.identity }}", n: "{{ n }}"}}, {status: 404}]
"""
UNDONE = """
authorize:
  request: {method: POST, path: /payments, body: input}
  effect: EFFECT
  identity: body.attempt
  result: "{id: body.id, provider: 'pay'}"
  undo: {call: release, input: "{id: result.id}"}
  answer: [{when: "body.attempt == 'busy'", status: 503}, {status: 201, body: {id: "tr_{{ n }}"}}]
release:
  request: {method: POST, path: "/payments/{{ input.id }}/release"}
  effect: idempotent
  identity: path[1]
  answer: [{when: known, status: 202, body: "{{ known.identity }}"}, {status: 404}]
"""
STATES = """
change:
  request: {method: POST, path: /changes, body: input}
  effect: idempotent
  identity: body.reference
  result: "{order: body.order, state: body.state}"
  lookup: {call: find, input: "{reference: once}", found: "status == `200`"}
  answer: {status: 201, body: {order: "{{ body.order }}", state: "{{ body.state }}"}}
find:
  request: {method: GET, path: /changes, query: {of: input.order}}
  effect: none
  identity: query.of
  answer: [{when: known, status: 200, body: "{{ known.result.state }}"}, {status: 404}]
"""
TYPES = """
create_order:
  request: {method: POST, path: /orders, body: input}
  effect: unprotected
  identity: body.external_id
  answer: {status: 201, body: {count: "{{ n }}", fixed: 7, list: [true, null, "no {{ method }} hole"], plain: text}}
"""
BARE = """
touch: {request: {method: PUT, path: /touch}, effect: unprotected, identity: "'always'"}
only_if: {request: {method: GET, path: /only}, effect: none, answer: [{when: query.yes, status: 200}]}
broken: {request: {method: GET, path: /broken}, effect: none, answer: {status: 200, body: "{{ known.result }}"}}
badly:
  request: {method: POST, path: /badly, body: input}
  effect: unprotected
  identity: length(body.name)
  answer: {status: 200}
"""

CONVERSATIONS: dict[str, tuple[str, str, list[Ask], list[str]]] = {
    "method and path find the operation, and the plainest path is the one meant": (
        PATHS,
        "",
        [
            Ask("GET", "/orders", 200, "list"),
            Ask("GET", "/orders/count", 200, "count"),
            Ask("GET", "/orders/so-1", 200, "read"),
            Ask("POST", "/orders/so%2F1/cancel", 200, "cancelled", booked=True),
            Ask("GET", "/labels/7.png", 200, "label"),
            Ask("GET", "/labels/7.pdf", 200, "label"),
            Ask("GET", "/labels/7.gif", 404),
            Ask("DELETE", "/orders", 404),
            Ask("GET", "/orders/", 404),
            Ask("GET", "/orders/a/b", 404),
            Ask("GET", "/nowhere", 404),
        ],
        [],
    ),
    "among several operations the identity that gives a value decides, and none is a fault": (
        SHARED,
        "",
        [
            Ask("POST", "/graphql", 200, "refund", {"refund": "r1"}, booked=True),
            Ask("POST", "/graphql", 200, "order", {"order": "o1"}, booked=True),
            Ask("POST", "/graphql", 404, body={"neither": 1}),
        ],
        [],
    ),
    "idempotent by key: a repeat gets the first answer and books nothing": (
        creates("idempotent"),
        KEYED,
        [
            post("o1", 201, ONE, booked=True, key="k1"),
            post("o2", 201, TWO, booked=True, key="k2"),
            post("o1", 201, ONE, key="k1"),
        ],
        [],
    ),
    "idempotent by key: the same body written in another order is the same body": (
        creates("idempotent"),
        KEYED,
        [
            Ask(
                "POST",
                "/orders",
                201,
                ONE,
                {"external_id": "o1", "a": 1},
                headers={"idempotency-key": "k"},
                booked=True,
            ),
            Ask("POST", "/orders", 201, ONE, {"a": 1, "external_id": "o1"}, headers={"idempotency-key": "k"}),
        ],
        [],
    ),
    "idempotent by key: the same key with another body is 422 and books nothing": (
        creates("idempotent"),
        KEYED,
        [post("o1", 201, ONE, booked=True, key="k1"), post("o1", 422, None, key="k1", more={"total": 2})],
        [],
    ),
    "idempotent by key: another key for the same identity is another effect, and the double shows": (
        creates("idempotent"),
        KEYED,
        [post("o1", 201, ONE, booked=True, key="k1"), post("o1", 201, TWO, booked=True, key="k2")],
        ["o1"],
    ),
    "idempotent by key: a request without a key repeats nothing": (
        creates("idempotent"),
        KEYED,
        [post("o1", 201, ONE, booked=True), post("o1", 201, TWO, booked=True)],
        ["o1"],
    ),
    "idempotent by nature: the same identity is a repeat, whatever else the body says": (
        creates("idempotent"),
        "",
        [post("o1", 201, ONE, booked=True), post("o1", 201, ONE, more={"total": 2}), post("o2", 201, TWO, booked=True)],
        [],
    ),
    "verifiable: every request is booked": (
        creates("verifiable"),
        "",
        [post("o1", 201, ONE, booked=True), post("o1", 201, TWO, booked=True)],
        ["o1"],
    ),
    "verifiable: a key does not help where the effect is not idempotent": (
        creates("verifiable"),
        KEYED,
        [post("o1", 201, ONE, booked=True, key="k"), post("o1", 201, TWO, booked=True, key="k")],
        ["o1"],
    ),
    "at_most_once: every request is booked": (
        creates("at_most_once"),
        "",
        [post("o1", 201, ONE, booked=True), post("o1", 201, TWO, booked=True)],
        ["o1"],
    ),
    "unprotected: every request is booked": (
        creates("unprotected"),
        "",
        [post("o1", 201, ONE, booked=True), post("o1", 201, TWO, booked=True)],
        ["o1"],
    ),
    "a look-up reads the book of its caller: known is the row by identity or by result, else null": (
        creates("verifiable"),
        "",
        [
            find("o1", []),
            post("o1", 201, ONE, booked=True),
            find("o1", [{"id": "so-1", "for": "o1"}]),
            find("so-1", [{"id": "so-1", "for": "o1"}]),
            find("o2", []),
        ],
        [],
    ),
    "a look-up finds a row by a field of its result, and counts its caller's book": (
        RICH,
        "",
        [
            Ask("GET", "/orders/N1", 404),
            Ask("POST", "/orders", 201, {"number": "N1", "link": "headers"}, {"external_id": 17}, booked=True),
            Ask("GET", "/orders/N1", 200, {"for": "17", "n": "1"}),
            Ask("GET", "/orders/17", 200, {"for": "17", "n": "1"}),
            Ask("GET", "/orders/18", 404),
        ],
        [],
    ),
    "`when: known` wins over the first answer, and a repeat still books nothing": (
        REFUSING,
        "",
        [
            post("o1", 201, ONE, booked=True),
            post("o1", 409, {"error": "exists", "as": "o1"}),
            post("o2", 201, TWO, booked=True),
        ],
        [],
    ),
    "an answer of 400 or more did nothing: it is in no book, and said anew the next time": (
        UNDONE.replace("EFFECT", "idempotent"),
        "",
        [authorize("busy", 503), authorize("busy", 503), authorize("a1", 201, {"id": "tr_1"}, booked=True)],
        [],
    ),
    "a look-up by what several rows have in common gets the newest: how it stands now": (
        STATES,
        "",
        [
            Ask("GET", "/changes", 404, query={"of": "o1"}),
            change("r1", "paid"),
            change("r2", "refunded"),
            Ask("GET", "/changes", 200, "refunded", query={"of": "o1"}),
            Ask("GET", "/changes", 200, "paid", query={"of": "r1"}),
        ],
        [],
    ),
    "texts are filled and stay texts, the rest of the answer stands as it is written": (
        TYPES,
        "",
        [
            post(
                "o1",
                201,
                {"count": "1", "fixed": 7, "list": [True, None, "no POST hole"], "plain": "text"},
                booked=True,
            )
        ],
        [],
    ),
    "any credentials pass": (
        creates("verifiable"),
        "auth: {bearer: {secret: TOKEN}}",
        [
            Ask("POST", "/orders", 201, ONE, {"external_id": "a"}, headers={"authorization": "Bearer x"}, booked=True),
            Ask("POST", "/orders", 201, TWO, {"external_id": "b"}, booked=True),
        ],
        [],
    ),
    "without `answer` the partner says 200 with an empty object": (
        BARE,
        "",
        [Ask("PUT", "/touch", 200, {}, booked=True), Ask("PUT", "/touch", 200, {}, booked=True)],
        ["always"],
    ),
    "no answer that holds, a hole without a value, an effect without an identity are faults": (
        BARE,
        "",
        [
            Ask("GET", "/only", 200, query={"yes": "1"}),
            Ask("GET", "/only", 404),
            Ask("GET", "/broken", 400),
            Ask("POST", "/badly", 400, body={}),
            Ask("POST", "/badly", 400, body={"name": 3}),
        ],
        [],
    ),
}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_conversation(name: str) -> None:
    operations, head, requests, doubled = CONVERSATIONS[name]
    served = partner(operations, head=head)
    booked = 0
    for request in requests:
        said = ask(served, request)
        booked += request.booked
        assert (said.status, said.booked) == (request.status, request.booked), (request, said)
        if request.says is not None:
            assert said.body == request.says
        if not said.operation:
            assert isinstance(said.body, dict)
            assert list(said.body) == ["fault"]
        assert sum(len(rows) for rows in served.book().values()) == booked
    assert [identity for identities in served.doubles().values() for identity in identities] == doubled


def test_a_row_holds_identity_result_and_answer() -> None:
    served = partner(RICH)
    said = ask(served, Ask("POST", "/orders", 201, body={"external_id": 17}))
    row = {
        "identity": 17,
        "result": {"number": "N1", "link": "headers"},
        "answer": {"status": 201, "headers": {"location": "/orders/1"}, "body": {"number": "N1", "link": "headers"}},
    }
    assert served.book() == {"create_order": [row]}
    assert said.row == row
    assert said.headers == {"location": "/orders/1"}


def test_without_a_result_the_row_keeps_the_answers_body() -> None:
    served = partner(TYPES)
    ask(served, Ask("POST", "/orders", 201, body={"external_id": "o1"}))
    (row,) = served.book()["create_order"]
    assert row["result"] == row["answer"]["body"]


def test_operations_without_effect_have_no_book() -> None:
    assert list(partner(PATHS).book()) == ["cancel_order"]


def test_an_operation_without_a_book_to_count_numbers_what_it_is_asked() -> None:
    offers = (
        '{request: {method: POST, path: /offers}, effect: none, answer: {status: 201, body: {id: "offer-{{ n }}"}}}'
    )
    served = partner(f"ask_prices: {offers}")
    asked = [ask(served, Ask("POST", "/offers", 201, body={"order": "o1"})).body for _ in range(2)]
    served.clear()
    assert [*asked, ask(served, Ask("POST", "/offers", 201)).body] == [{"id": f"offer-{n}"} for n in (1, 2, 1)]


def standing(served: Partner, operation: str) -> list[object]:
    return [row["identity"] for row in served.book()[operation]]


@pytest.mark.parametrize("effect", ["idempotent", "verifiable", "at_most_once", "unprotected"])
def test_an_undo_strikes_the_row_that_it_is_about(effect: str) -> None:
    served = partner(UNDONE.replace("EFFECT", effect))
    for attempt in ("a1", "a2"):
        ask(served, authorize(attempt, 201))
    said = ask(served, Ask("POST", "/payments/tr_1/release", 202))
    assert (said.status, said.body, said.booked) == (202, "a1", True)
    assert said.struck is not None
    assert said.struck["identity"] == "a1"
    assert (standing(served, "authorize"), standing(served, "release")) == (["a2"], ["tr_1"])
    again = ask(served, Ask("POST", "/payments/tr_1/release", 202))
    assert (again.status, again.body, again.booked, again.struck) == (202, "a1", False, None)
    unknown = ask(served, Ask("POST", "/payments/tr_9/release", 404))
    assert (unknown.status, unknown.struck) == (404, None)
    assert ask(served, authorize("a3", 201)).body == {"id": "tr_3"}  # a number is not given twice


def test_under_the_key_of_what_was_undone_the_partner_says_what_it_said() -> None:
    served = partner(UNDONE.replace("EFFECT", "idempotent"), head=KEYED)
    ask(served, authorize("a1", 201, key="k1"))
    ask(served, Ask("POST", "/payments/tr_1/release", 202, headers={"idempotency-key": "k2"}))
    said = ask(served, authorize("a1", 201, key="k1"))
    assert (said.status, said.body, said.booked) == (201, {"id": "tr_1"}, False)
    assert standing(served, "authorize") == []


def test_of_two_doubled_effects_an_undo_strikes_the_one_it_names() -> None:
    served = partner(UNDONE.replace("EFFECT", "verifiable"))
    for _ in range(2):
        ask(served, authorize("a1", 201))
    assert served.doubles() == {"authorize": ["a1"]}
    ask(served, Ask("POST", "/payments/tr_1/release", 202))
    assert [row["result"] for row in served.book()["authorize"]] == [{"id": "tr_2", "provider": "pay"}]
    assert served.doubles() == {}


RECOGNISED = {
    "an effect by its identity": (Ask("POST", "/orders", 0, body={"external_id": 17, "total": 3}), "create_order 17"),
    "a look-up too": (Ask("GET", "/orders", 0, query={"external_id": "o1"}), "find_order o1"),
    "what fits no operation by its path": (Ask("GET", "/else/where", 0), "GET /else/where"),
}


@pytest.mark.parametrize("name", RECOGNISED)
def test_recognise(name: str) -> None:
    request, text = RECOGNISED[name]
    received = Received(request.method, request.path.split("/")[1:], request.query, request.headers, request.body)
    assert partner(creates("verifiable")).recognise(received) == text
