"""TEXT → what credential it holds, in words: for what is written down and should not be.

Pasted secrets are told from names and from prose by the prefixes their makers give them, and by how often a run of
letters changes its kind. Nothing here keeps or shows the text it was asked about.
"""

import re
from itertools import pairwise

KNOWN_SECRETS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a Stripe key", re.compile(r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{10,}")),
    ("a webhook signing secret", re.compile(r"\bwhsec_[A-Za-z0-9+/=]{16,}")),
    ("a Shopify token", re.compile(r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{16,}")),
    ("a GitHub token", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})")),
    ("an AWS access key", re.compile(r"\bA(?:KIA|SIA)[0-9A-Z]{16}\b")),
    ("a Google API key", re.compile(r"\bAIza[0-9A-Za-z_-]{35}")),
    ("a Slack token", re.compile(r"\bxox[abeoprs]-[0-9A-Za-z-]{10,}")),
    ("a private key", re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY")),
    ("a signed token (JWT)", re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}")),
    ("an Authorization header", re.compile(r"\b(?:[Bb]earer|[Bb]asic) (?=[A-Za-z0-9._~+/-]*\d)[A-Za-z0-9._~+/-]{12,}")),
    ("a password in an address", re.compile(r"://[^/\s:@{]+:[^/\s@{]+@")),
)
RUN = re.compile(r"[A-Za-z0-9]{20,512}")
HEXADECIMAL = re.compile(r"[0-9a-f]{32,512}|[0-9A-F]{32,512}")
# A random text changes between upper case, lower case and digits at 62 % of its places (base 62) or 47 % (hexadecimal),
# camelCase at about 30 %. Plain entropy was tried instead: it cannot tell a long camelCase name from a key.
SWITCHES_MIN, HEXADECIMAL_SWITCHES_MIN = 0.42, 0.25

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
NAME_RUN = re.compile(r"[A-Za-z0-9]{16,}")
NAME_DIGITS_MIN = 3


def looks_like_secret(text: str) -> str:
    """What credential the text holds, in words; empty for none."""
    for what, pattern in KNOWN_SECRETS:
        if pattern.search(text):
            return what
    for run in RUN.findall(text):
        switches = switching(run)
        if HEXADECIMAL.fullmatch(run) and switches >= HEXADECIMAL_SWITCHES_MIN:
            return "a key in hexadecimal"
        if len(set(kinds(run))) == 3 and switches >= SWITCHES_MIN:
            return "a random key"
    return ""


def is_no_name(text: str) -> bool:
    """Whether a text that stands where a secret's name belongs is rather the secret: people's names for secrets have
    few digits, and those at the end."""
    if looks_like_secret(text) or UUID.search(text):
        return True
    return any(
        sum(map(str.isdigit, run)) >= NAME_DIGITS_MIN and switching(run) >= HEXADECIMAL_SWITCHES_MIN
        for run in NAME_RUN.findall(text)
    )


def kinds(run: str) -> list[str]:
    return ["digit" if letter.isdigit() else "upper" if letter.isupper() else "lower" for letter in run]


def switching(run: str) -> float:
    """The share of places where a run of letters and digits changes its kind."""
    return sum(one != other for one, other in pairwise(kinds(run))) / len(run)
