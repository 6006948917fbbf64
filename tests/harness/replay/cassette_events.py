"""Recorded requests turned round: the event of ours that would have made each, so that a cassette of a partner's answers
can be played to. Nothing of a cassette is kept.
"""

from decimal import Decimal
from typing import Any

from engine.contract.body import decode_body, encode_json
from harness.recordings.exchange import Exchange, Recording

DIGITS = {"USD": 2, "JPY": 0}


def event(body: dict[str, Any], file: str, **headers: str) -> Recording:
    """An event as a recording of one delivery."""
    one = Exchange(
        file,
        1,
        "POST",
        "",
        "/",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        body=encode_json(body),
    )
    return Recording(file, "event", (one,), timed=False)


def tax_request(exchange: Exchange) -> Recording:
    """What our checkout would have asked, for AvaTax to be asked this."""
    asked: Any = decode_body(exchange.body)["createTransactionModel"]  # type: ignore[index]
    digits = DIGITS[asked["currencyCode"]]
    addresses = asked["addresses"]
    body = {
        "request": asked["code"],
        "purpose": "order" if asked["type"] == "SalesInvoice" else "quote",
        "date": asked["date"],
        "currency": asked["currencyCode"],
        "discount": None if asked["discount"] is None else minor(asked["discount"], digits),
        "customer": {"id": asked["customerCode"], "email": asked["email"]},
        "lines": [
            {
                "sku": line["itemCode"],
                "quantity": line["quantity"],
                "amount": minor(line["amount"], digits),
                "tax_code": line["taxCode"],
                "tax_included": line["taxIncluded"],
                "discounted": line["discounted"],
                "title": line["description"],
                **({"reference": line["ref1"]} if "ref1" in line else {}),
            }
            for line in asked["lines"]
        ],
    }
    for ours, theirs in (("from", "shipFrom"), ("to", "shipTo"), ("collected_at", "singleLocation")):
        if theirs in addresses:
            place = {**addresses[theirs]}
            place["postal_code"] = place.pop("postalCode")
            body[ours] = place
    return event(body, f"{exchange.file}.event.json", x_checkout_delivery=asked["code"])


def minor(amount: str, digits: int) -> int:
    scaled = Decimal(amount).scaleb(digits)
    assert scaled == int(scaled)
    return int(scaled)


def label_request(recording: Recording, cents: int | None = None) -> Recording:
    """What the desk would have asked, for EasyPost to be asked what this cassette begins with."""
    exchanges = [one for one in recording.exchanges if one.path.startswith("/v2/shipments")]
    asked: Any = decode_body(exchanges[0].body)["shipment"]  # type: ignore[index]
    bought: Any = next((decode_body(one.body) for one in exchanges if one.path.endswith("/buy")), None)
    printed = next((dict(one.query)["file_format"] for one in exchanges if one.path.endswith("/label")), None)
    body: dict[str, Any] = {
        "request": f"LR-{recording.file}",
        "wanted": "label" if bought else "prices",
        "from": address(asked["from_address"]),
        "to": address(asked["to_address"]),
        "parcel": {
            name: asked["parcel"][name.partition("_")[0]]
            for name in ("length_in", "width_in", "height_in", "weight_oz")
        },
    }
    if asked.get("customs_info"):
        body["customs"] = customs(asked["customs_info"])
    if asked.get("tax_identifiers"):
        names = {"entity": "entity", "tax_id_type": "kind", "tax_id": "number", "issuing_country": "country"}
        body["taxpayers"] = [{names[name]: value for name, value in one.items()} for one in asked["tax_identifiers"]]
    options = asked.get("options") or {}
    more = {
        "order": asked.get("reference"),
        "label_format": options.get("label_format"),
        "invoice": options.get("invoice_number"),
        "end_shipper": (bought or {}).get("end_shipper_id"),
        "insured": minor(bought["insurance"], 2) if bought and "insurance" in bought else None,
        "print": printed,
    }
    body |= {name: value for name, value in more.items() if value is not None}
    return event(body, f"{recording.file}.event.json", x_wms_delivery=recording.file)


def address(asked: dict[str, Any]) -> dict[str, Any]:
    names = {"street1": "line1", "street2": "line2", "state": "region", "zip": "postal_code"}
    return {names.get(name, name): value for name, value in asked.items()}


def customs(asked: dict[str, Any]) -> dict[str, Any]:
    names = {
        "eel_pfc": "exemption",
        "customs_certify": "certified",
        "customs_signer": "signer",
        "contents_type": "contents",
        "contents_explanation": "explanation",
        "restriction_type": "restriction",
        "non_delivery_option": "undeliverable",
    }
    items = {"weight": "weight_oz", "hs_tariff_number": "tariff", "origin_country": "origin"}
    listed = [{items.get(name, name): value for name, value in one.items()} for one in asked["customs_items"]]
    return {**{names[name]: value for name, value in asked.items() if name in names}, "items": listed}
