"""What a value means where a condition or a name is asked for."""


def truth(value: object) -> bool:
    """JMESPath's truth: false, null, and empty text, list or object are false; every number is true."""
    return not (value is None or value is False or (isinstance(value, str | list | dict) and not value))


def identity_text(value: object) -> str | None:
    """An identity as text: text as it stands, a whole number as its digits; anything else is none."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None
