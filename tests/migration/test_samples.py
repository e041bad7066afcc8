"""Made-up offices: the same each time, with the published ratios, and codes that two old provinces share."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from province.errors import ProvinceError
from province.fleet.fleet import Fleet
from province.migration.postgresql.logical import Pair
from province.migration.samples import Office


def rows(office: Office) -> list[bytes]:
    return [*office.organisations(), *office.people(), *office.filed(), *office.attached()]


def test_the_same_arguments_make_the_same_bytes_on_every_machine(fleet: Fleet) -> None:
    one = Office.of(fleet, "An Giang", 1000, attachment_bytes=50)
    digest = hashlib.sha256(b"".join(rows(one))).hexdigest()
    assert digest == "999ef6cebf371554a92d2936bdd840679f87e91b2709772835711b78ac19a435"
    assert rows(one) == rows(replace(one))
    assert rows(one)[-1] != rows(replace(one, province="Kiên Giang"))[-1]


def test_two_old_provinces_give_one_code_to_two_bodies(fleet: Fleet) -> None:
    here, there = (
        [row.decode().split("\t")[:2] for row in Office.of(fleet, name, 10).organisations()]
        for name in ("An Giang", "Kiên Giang")
    )
    assert [code for code, _ in here] == [code for code, _ in there]
    assert not {name for _, name in here} & {name for _, name in there}


def test_documents_come_in_and_go_out_as_published(fleet: Fleet) -> None:
    filed = list(Office.of(fleet, "Kiên Giang", 20_000).filed())
    incoming = sum(row.split(b"\t")[3] == b"in" for row in filed)
    assert incoming / len(filed) == pytest.approx(213_883 / (213_883 + 75_393), abs=0.01)


def test_nobody_makes_up_a_province_that_never_was(fleet: Fleet) -> None:
    with pytest.raises(ProvinceError, match="no old province 'Hà Tiên'"):
        Office.of(fleet, "Hà Tiên", 10)


@pytest.mark.lab
def test_the_size_is_what_was_asked_for(fleet: Fleet, pair: Pair) -> None:
    pair.source.ask("DROP TABLE attachments, documents, accounts, organisations")
    Office.of_bytes(fleet, "An Giang", 4 << 20).load(pair.source)
    measured = int(
        pair.source.ask(
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' "
            "AND relnamespace = 'public'::regnamespace"
        )
    )
    assert measured == pytest.approx(4 << 20, rel=0.2)
