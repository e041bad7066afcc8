"""What must not leave the house: numbers and addresses that lead to one citizen.

A name cannot be told from other words; so only texts that somebody marked as public go out, and these are looked
through for what has a form: no more leaves than the purpose needs.
"""

from __future__ import annotations

import re

_FORMS = {
    "a number of 12 digits, as identity cards have": re.compile(r"(?<![\d.])\d{12}(?!\.?\d)"),
    "a telephone number": re.compile(r"(?<![\d.])(?:\+84|0)[ .-]?[1-9](?:[ .-]?\d){8,9}(?!\.?\d)"),
    "an e-mail address": re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"),
}


def identifiers(text: str) -> tuple[str, ...]:
    """What a text holds that leads to a citizen, in words; the thing itself is not repeated."""
    return tuple(name for name, form in _FORMS.items() if form.search(text))
