"""A customer, a card and every secret of a sender, in all the places where traffic carries them: what of it is found in
anything that was written is a leak.
"""

import base64
import json
from collections.abc import Iterator

CANARIES = {
    "card number": "4929123456781234",
    "card number in groups": "4929 1234 5678 1234",
    "e-mail": "canary.kestrel@mail-canary.example",
    "phone": "+49 151 77889900",
    "first name": "Canarina",
    "last name": "Kestrelmann",
    "street": "Kanarienvogelweg",
    "city": "Vogelstadt",
    "postal code": "79853",
    "bearer token": "canary-bearer-9f8e7d6c5b",
    "cookie": "canarysession=0a1b2c3d4e",
    "basic auth": base64.b64encode(b"canary:passw0rd").decode(),
    "api key in the query": "canarykey_live_51Hxyz",
    "password in the address": "canaryurlpass",
    "signature": "Q2FuYXJ5U2lnbmF0dXJlMTIzNDU2Nzg5MA==",
    "IBAN": "DE89370400440532013000",
    "IBAN in groups": "DE89 3704 0044 0532 0130 00",
    "token in the body": "tok_canary_7Yt6Re5W",
    "security code": "canary-cvc-951",
    "client's address": "203.0.113.77",
    "order": "610445512777",
}
"""What it is → a text that no recording, report, log or case may hold."""


def body() -> dict[str, object]:
    """An order with all of it, also where no name of a field gives it away."""
    one = CANARIES
    person = {
        "firstName": one["first name"],
        "last_name": one["last name"],
        "name": f"{one['first name']} {one['last name']}",
        "street1": f"{one['street']} 12",
        "city": one["city"],
        "zip": one["postal code"],
        "phone": one["phone"],
        "email": one["e-mail"],
    }
    return {
        "id": int(one["order"]),
        "gid": f"gid://shop/Order/{one['order']}",
        "financial_status": "paid",
        "total_price": "119.90",
        "placed_at": "2026-11-01T10:00:00Z",
        "currency": "EUR",
        "shipping_address": person,
        "custom": [one["first name"], one["e-mail"], one["card number"], int(one["card number"]), one["IBAN"]],
        "free": f"for {one['first name']}, card {one['card number in groups']}, IBAN {one['IBAN in groups']}",
        "link": f"https://user:{one['password in the address']}@{one['city'].lower()}.example/{one['first name']}?key={one['api key in the query']}",
        "payment": {
            "card_token": one["token in the body"],
            "cvc": one["security code"],
            "number": one["card number"],
            "iban": one["IBAN"],
        },
        "client_details": {"browser_ip": one["client's address"]},
        one["e-mail"]: {"x": one["first name"]},
    }


def headers() -> dict[str, str]:
    return {
        "Content-Type": "application/json; charset=utf-8",
        "Authorization": f"Bearer {CANARIES['bearer token']}",
        "Proxy-Authorization": f"Basic {CANARIES['basic auth']}",
        "Cookie": CANARIES["cookie"],
        "X-Shopify-Hmac-Sha256": CANARIES["signature"],
        "X-Forwarded-For": CANARIES["client's address"],
        "X-Customer": CANARIES["e-mail"],
        "X-Shopify-Webhook-Id": f"whk-{CANARIES['order']}",
    }


def har(path: str = "/v1/orders", host: str = "erp.example") -> bytes:
    """All of it in a HAR file."""
    url = f"https://user:{CANARIES['password in the address']}@{host}{path}?api_key={CANARIES['api key in the query']}&q={CANARIES['first name']}"
    listed = [{"name": name, "value": value} for name, value in headers().items()]
    answered = [*listed, {"name": "Set-Cookie", "value": CANARIES["cookie"]}]
    entry = {
        "startedDateTime": "2026-11-01T10:00:00Z",
        "time": 5,
        "request": {"method": "POST", "url": url, "headers": listed, "postData": {"text": json.dumps(body())}},
        "response": {"status": 201, "headers": answered, "content": {"text": json.dumps(body())}},
    }
    return json.dumps({"log": {"entries": [entry]}}).encode()


def found_in(text: str) -> Iterator[str]:
    """Which canaries a text holds, in any case, also percent-encoded or without their separators."""
    lowered = text.lower()
    for what, canary in CANARIES.items():
        if canary.lower() in lowered or canary.lower().replace("@", "%40").replace(" ", "+") in lowered:
            yield what
