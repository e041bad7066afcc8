"""What Pulumi prints when it ends badly, as one error that says what a person must do."""

from __future__ import annotations

import json

from province.errors import ExitCode, ProvinceError
from province.ops.workplace import COLOURS, Outcome


def trouble(stack: str, outcome: Outcome) -> ProvinceError:
    """The error of a run that ended badly."""
    text = said(outcome)
    if "currently locked by" in text:
        return ProvinceError(
            f"stack {stack} is locked: another run is at work, or one was killed\n{text}",
            hint=f"if none is at work any more: province dc unlock {_words(stack)}",
        )
    if "incorrect passphrase" in text:
        return ProvinceError(
            f"stack {stack}: the passphrase does not open its secrets; nothing was changed",
            hint="PULUMI_CONFIG_PASSPHRASE_FILE must name the file with which the stack was made",
            exit_code=ExitCode.MACHINE,
        )
    return ProvinceError(
        f"stack {stack}: Pulumi ended with exit code {outcome.code}\n{text}",
        hint=f"everything it printed: {outcome.log}",
        exit_code=ExitCode.UNREACHABLE if "does not answer" in text else ExitCode.FAILED,
    )


def said(outcome: Outcome) -> str:
    """The end of what a run printed, or the errors among the diagnostics of its JSON."""
    found = COLOURS.sub("", outcome.tail)
    if outcome.output == outcome.log or not (text := outcome.output.read_text(encoding="utf-8").strip()):
        return found
    try:
        diagnostics = json.loads(text).get("diagnostics") or ()
    except (ValueError, AttributeError):
        return f"{found}\n{text}".strip()
    errors = [COLOURS.sub("", one["message"]).strip() for one in diagnostics if one.get("severity") == "error"]
    return "\n".join([found, *errors]).strip()


def _words(stack: str) -> str:
    """A stack as the verbs of `province dc` name it: site and layer."""
    environment, _, rest = stack.partition(".")
    site, _, layer = rest.partition(".")
    return f"{site} {layer} -e {environment}"
