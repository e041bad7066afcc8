"""Rules about the repository itself: what may import what, sizes, names that must not appear, documents in step."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from province.cli.diagram import DOCUMENTS
from province.fleet.diagram import mermaid
from province.fleet.load import load_fleet

CHECKOUT = Path(__file__).resolve().parents[2]
MAX_LINES = 300
PHASES = ("province.migration.phases", "province.migration.declared")
"""Pure functions over phases, which say both what Pulumi declares and what the hands of a move do."""


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "-C", CHECKOUT, "ls-files", "-z", *patterns], capture_output=True, text=True, check=True
    ).stdout
    return [CHECKOUT / name for name in listed.split("\0") if name and (CHECKOUT / name).is_file()]


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return names | {
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module and not node.level
    }


def test_the_model_imports_nothing_else_of_ours() -> None:
    for path in tracked("province/fleet/*.py"):
        ours = {name for name in imports(path) if name.startswith(("province.", "infra"))}
        assert all(name.startswith(("province.fleet", "province.errors")) for name in ours), path


def test_the_library_never_imports_the_programs() -> None:
    for path in tracked("province/*.py"):
        assert not {name for name in imports(path) if name.split(".")[0] == "infra"}, path


def test_only_the_model_the_pins_and_what_a_phase_says_reach_the_programs() -> None:
    for path in tracked("infra/*.py"):
        ours = {name for name in imports(path) if name.startswith("province.")}
        reach = ("province.fleet", "province.errors", "province.toolchain", *PHASES)
        assert all(name.startswith(reach) for name in ours), path


def test_what_a_phase_says_follows_from_the_model_alone() -> None:
    for name in PHASES:
        ours = {one for one in imports(CHECKOUT / f"{name.replace('.', '/')}.py") if one.startswith("province.")}
        assert all(one.startswith(("province.fleet", *PHASES)) for one in ours), name


@pytest.mark.parametrize("path", tracked("*.py"), ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_a_file_is_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def test_no_place_of_the_province_is_a_constant_in_code() -> None:
    """Another province must fit by data alone; documents and examples in docstrings are not code."""
    names = re.compile(r"rach-gia|long-xuyen|an-giang|kien-giang|phu-quoc|Phú Quốc|Rạch Giá|Long Xuyên")
    for path in tracked("province/*.py", "infra/*.py", "ansible/*", "templates/*"):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            constants = (
                node.value
                for node in ast.walk(_without_docstrings(ast.parse(text)))
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            )
            text = "\n".join(constants)
        assert not names.search(text), path


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [  # type: ignore[attr-defined]
                one for one in body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
            ]
    return tree


@pytest.mark.parametrize("folder", ["ansible", "templates", "infra"])
def test_nothing_that_is_applied_asks_for_the_environment_by_name(folder: str) -> None:
    asked = re.compile(r"""(==|!=|\bin\b|\bis\b)\s*\(?\[?["'](lab|production)["']""")
    for path in tracked(folder):
        assert not asked.search(path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_picture_in_the_readme_is_the_model(document: str) -> None:
    drawn = mermaid(load_fleet("production"), DOCUMENTS[document])
    text = (CHECKOUT / document).read_text(encoding="utf-8")
    assert drawn in text, "run `province diagram --write`"


@pytest.mark.parametrize("document", [*DOCUMENTS, "CONTRIBUTING.md"])
def test_paths_that_a_document_names_exist(document: str) -> None:
    text = (CHECKOUT / document).read_text(encoding="utf-8")
    named = re.findall(r"`([\w.-]+(?:/[\w.-]+)*/?)`", text)
    roots = {path.name for path in CHECKOUT.iterdir()}
    missing = [name for name in named if name.split("/")[0] in roots and "/" in name and not (CHECKOUT / name).exists()]
    assert not missing
