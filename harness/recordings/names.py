"""NAMES OF FIELDS → what they say of the values below them: a secret, a person's data, the id of something.

Words are compared, not names: `shippingAddress`, `x-api-key` and `customer_email` are taken apart first. A word too
many costs a pseudonym where none was needed; a word too few costs nothing where the value gives itself away, for what
is not known to be harmless is replaced anyway.
"""

import re
from itertools import pairwise

_HIDDEN = """
auth authorization token tokens secret secrets password passwd passphrase pwd pass key keys apikey credential
credentials cookie cookies session jwt bearer signature sign hmac nonce otp pin cvv cvc csc certificate
"""
_PERSONAL = """
name names firstname lastname surname fullname username user login holder owner recipient contact person customer buyer
email emails mail phone phones mobile fax tel telephone address addresses street street1 street2 line1 line2 line3
address1 address2 city town locality district zip zipcode postal postcode postalcode company organization birthday
birth birthdate born dob gender iban bic swift account accounts card pan number digits last4 expiry exp fingerprint
passport licence license ssn tax vat taxid ip latitude longitude lat lng lon geo coordinates location note notes comment
comments message messages memo remark gift instructions signed subject
"""
_ALSO_AMOUNTS = "tax vat number account address location messages message card owner"
_AMOUNTS = """
amount amounts total totals subtotal price prices tax taxes discount discounts cost costs fee fees value weight grams
balance
"""
_HANDED_DOWN = """
token tokens secret secrets password passwd passphrase pwd apikey credential credentials cookie cookies jwt bearer hmac
nonce otp pin cvv cvc csc phone phones mobile fax tel telephone email emails birthday birth birthdate born dob iban bic
swift pan last4 expiry exp fingerprint passport licence license ssn taxid latitude longitude lat lng lon geo coordinates
"""
_IDS = "id ids no ref reference code order customer number"

SECRET = frozenset(_HIDDEN.split())
PERSONAL = frozenset(_PERSONAL.split())
ALSO_AMOUNTS = frozenset(_ALSO_AMOUNTS.split())
"""Words of a person's data that also stand in names of amounts and counts: numbers and codes of ours stay there."""
HANDED_DOWN = frozenset(_HANDED_DOWN.split())
"""Words that say the same of whatever is below: `{dob: {year: 1980}}` is a date of birth. An `address` is not among
them, whose country has to stay, nor an `authorization`, which has an amount."""
LABELS = ("name", "key", "label", "field", "attribute", "question")
LABELLED = ("value", "values", "answer", "content")
"""In `{name: birthday, value: 1980-01-31}` the field is named by its neighbour."""
IDS = frozenset(_IDS.split())
AMOUNTS = frozenset(_AMOUNTS.split())
"""Whole numbers written as texts are ids, unless one of these words says that they are counted."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def named(name: str) -> frozenset[str]:
    """The words of a name, those that stand side by side also as one."""
    words = [word.lower() for word in _WORDS.findall(name)]
    return frozenset((*words, name.lower(), *(f"{one}{two}" for one, two in pairwise(words))))
