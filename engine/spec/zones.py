"""The mend for a time zone that does not exist: the well-known one that was probably meant.

Which zones there are is the machine's matter, so a finder is handed in; this list only answers misspellings, with names
of the IANA time zone database for the places where most people trade.
"""

from collections.abc import Callable
from difflib import get_close_matches

FindZone = Callable[[str], object]
"""A zone's name → its rules, None where there is no such zone."""

_WELL_KNOWN = """
UTC Africa/Cairo Africa/Casablanca Africa/Johannesburg Africa/Lagos Africa/Nairobi America/Anchorage America/Bogota
America/Buenos_Aires America/Chicago America/Denver America/Halifax America/Lima America/Los_Angeles America/Mexico_City
America/New_York America/Phoenix America/Santiago America/Sao_Paulo America/Toronto America/Vancouver Asia/Bangkok
Asia/Dhaka Asia/Dubai Asia/Ho_Chi_Minh Asia/Hong_Kong Asia/Jakarta Asia/Jerusalem Asia/Karachi Asia/Kolkata
Asia/Kuala_Lumpur Asia/Manila Asia/Riyadh Asia/Seoul Asia/Shanghai Asia/Singapore Asia/Taipei Asia/Tokyo
Atlantic/Reykjavik Australia/Adelaide Australia/Brisbane Australia/Melbourne Australia/Perth Australia/Sydney
Europe/Amsterdam Europe/Athens Europe/Belgrade Europe/Berlin Europe/Brussels Europe/Bucharest Europe/Budapest
Europe/Copenhagen Europe/Dublin Europe/Helsinki Europe/Istanbul Europe/Kyiv Europe/Lisbon Europe/London
Europe/Luxembourg Europe/Madrid Europe/Moscow Europe/Oslo Europe/Paris Europe/Prague Europe/Riga Europe/Rome
Europe/Sofia Europe/Stockholm Europe/Tallinn Europe/Vienna Europe/Vilnius Europe/Warsaw Europe/Zagreb Europe/Zurich
Pacific/Auckland Pacific/Honolulu
"""


def closest_zone(name: str) -> str:
    """The mend for the name of a zone that does not exist; a place alone (`Berlin`) is found, too."""
    zones = _WELL_KNOWN.split()
    lowered = {zone.lower(): zone for zone in zones} | {zone.rpartition("/")[2].lower(): zone for zone in zones}
    close = get_close_matches(name.strip().replace(" ", "_").lower(), lowered, n=1, cutoff=0.75)
    if close:
        return f"did you mean `{lowered[close[0]]}`?"
    return "a name of the IANA time zone database, such as `Europe/Berlin` or `UTC`"
