"""Evidence as pages that anybody can open: static HTML, offline, printable, in Vietnamese or English.

The province (communes × bodies, a map, the hosts of the sites), every host, site, control and system; a certificate for
each commune; the annex to the dossier of the level; the four layers of protection; and the same for programs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.migration.proofs import Proof
from province.verify.evidence import Evidence, read_evidence
from province.verify.ledger import Written
from province.verify.pages.by_control import Controls
from province.verify.pages.by_place import certificates, site_pages, system_pages
from province.verify.pages.exports import as_csv, as_junit
from province.verify.pages.layers import layers_page
from province.verify.pages.moves import moves_page
from province.verify.pages.oscal import as_oscal
from province.verify.pages.table import Page
from province.verify.pages.view import SYMBOLS, TEMPLATES, Language, Report

CSV = "evidence.csv"
JUNIT = "junit.xml"
OSCAL = "oscal-assessment-results.json"


def build_report(
    fleet: Fleet,
    evidence_files: Iterable[Path],
    out_dir: Path,
    lang: Language = "en",
    *,
    made: datetime | None = None,
    ledger: tuple[Written, ...] = (),
    proofs: tuple[Proof, ...] = (),
) -> Path:
    """Write the pages into `out_dir` and return the path of the first one.

    The newest record of each check counts, whichever file it is in. `made` is the moment that ages are counted to;
    now when it is left out. `ledger` says which runs are sealed and signed; without it no commune is accepted.
    `proofs` is the book of the move of the old machine rooms.
    ProvinceError when a file is broken or belongs to another environment.
    """
    evidence = [_of_environment(read_evidence(path), fleet.environment.id) for path in evidence_files]
    report = Report(fleet, evidence, lang, made or datetime.now(UTC), ledger, proofs)
    files = dict(_files(report))
    for name, text in files.items():
        path = out_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for left_over in {one for one in out_dir.rglob("*.html") if str(one.relative_to(out_dir)) not in files}:
        left_over.unlink()
    return out_dir / "index.html"


def _files(report: Report) -> Iterator[tuple[str, str]]:
    """Every file of the report by its name."""
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update(lang=report.lang, words=report.words, symbols=SYMBOLS, made=report.made)
    controls = Controls(report)
    template = templates.get_template("host.html.j2")
    for name, host in report.fleet.hosts.items():
        yield f"hosts/{name}.html", template.render(report.host_page(host))
    template = templates.get_template("page.html.j2")
    for page in _pages(report, controls):
        yield page.path, template.render(page=page)
    yield CSV, as_csv(report)
    yield JUNIT, as_junit(report)
    yield OSCAL, as_oscal(report, controls)
    yield "index.html", templates.get_template("province.html.j2").render(report.province_page())


def _pages(report: Report, controls: Controls) -> Iterator[Page]:
    yield from site_pages(report)
    yield from system_pages(report)
    yield from controls.pages()
    yield from certificates(report)
    yield layers_page(report)
    if moves := moves_page(report):
        yield moves


def _of_environment(evidence: Evidence, environment: str) -> Evidence:
    if evidence.run.environment != environment:
        raise ProvinceError(
            f"{evidence.path} is evidence of environment {evidence.run.environment!r}, not {environment!r}",
            hint=f"choose files under .province/{environment}/evidence",
            exit_code=ExitCode.USAGE,
        )
    return evidence
