"""Amounts of money as integers of the currency's minor unit, and back; rounded only where a mapping says how.

The exponents are those of ISO 4217 (list one, active codes, with the amendments up to 2026), not those of a payment
provider's own table. So MGA and MRU have two digits, as the list says, though their fifths are no hundredths. Codes
without a minor unit (XAU, XDR, XXX, …) are no money here.
"""

import re
from decimal import Decimal

from engine.language.errors import ConversionError
from engine.language.exact import Number, Rounding, integral, is_number, loose_number, multiply, rounded

_TWO = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU
CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES
KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR
NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP
TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
"""
# Withdrawn since 2021, and still met in refunds, settlements and recorded traffic.
_TWO_WITHDRAWN = "ANG BGN CUC HRK SLL ZWL"
_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_FOUR = "CLF UYW"

EXPONENTS: dict[str, int] = {
    code: exponent
    for exponent, codes in ((2, _TWO + _TWO_WITHDRAWN), (0, _NONE), (3, _THREE), (4, _FOUR))
    for code in codes.split()
}
_AMOUNT = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_PLAIN_MAX = 100


def exponent_of(currency: object) -> int:
    """How many digits the currency's minor unit stands behind the point: EUR 2, JPY 0, KWD 3."""
    if isinstance(currency, str) and currency in EXPONENTS:
        return EXPONENTS[currency]
    hint = "a currency is an ISO 4217 code in capitals, such as EUR"
    what = "null" if currency is None else "not one of ISO 4217"
    raise ConversionError("currency", f"the currency is {what}", hint)


def minor_units(value: object, currency: object, how: Rounding | None = None) -> int:
    """An amount in the currency's main unit as an integer of its minor unit: "19.90" EUR is 1990.

    `value` is a text, an int or a Decimal. More digits behind the point than the currency has are rounded as `how`
    says; without it they are an error unless they are zeros.
    """
    try:
        exponent = EXPONENTS[currency]  # type: ignore[index]  # whatever it is; what cannot be a key is no currency
    except (KeyError, TypeError):
        exponent = exponent_of(currency)
    text = value if type(value) is str else str(value) if type(value) is Decimal else ""
    if len(text) <= _PLAIN_MAX:
        # What nearly every amount looks like: its digits are the answer, without arithmetic or a pattern in between.
        whole, point, fraction = text.partition(".")
        digits = whole + fraction
        if whole and len(fraction) <= exponent and digits.isdigit() and digits.isascii() and (fraction or not point):
            return int(digits) if len(fraction) == exponent else int(digits) * 10 ** (exponent - len(fraction))
    amount = _amount(value)
    units = integral(multiply(amount, 10**exponent))
    if units is None and how is not None:
        return rounded(amount, exponent, how)
    if units is None:
        message = f"the amount has more than the {exponent} digits its currency has behind the point"
        raise ConversionError("money", message)
    return units


def minor_units_given(value: object, currency: object, how: Rounding | None = None) -> int:
    """An amount that is in minor units already, as an int; what is no whole number is rounded as `how` says, or an
    error.

    A text with a point always is one: somebody who writes "10.00" means ten of the main unit, and would get ten cents.
    """
    exponent_of(currency)
    if isinstance(value, str) and "." in value:
        raise ConversionError("money", "an amount in minor units is a whole number")
    amount = _amount(value)
    units = integral(amount)
    if units is None and how is not None:
        return rounded(amount, 0, how)
    if units is None:
        raise ConversionError("money", "an amount in minor units is a whole number")
    return units


def decimal_text(value: object, currency: object) -> str:
    """Minor units as text in the main unit, with every digit the currency has: 1990 EUR is "19.90", 5 JPY is "5"."""
    exponent = exponent_of(currency)
    units = minor_units_given(value, currency)
    if not exponent:
        return str(units)
    digits = str(abs(units)).rjust(exponent + 1, "0")
    return f"{'-' if units < 0 else ''}{digits[:-exponent]}.{digits[-exponent:]}"


def _amount(value: object) -> Number:
    if is_number(value):
        return value
    number = loose_number(value) if isinstance(value, str) and _AMOUNT.fullmatch(value) else None
    if number is None:
        raise ConversionError("money", "an amount is a number, or a text such as 1234.50 without separators or symbols")
    return number
