"""The drafts: what is known and public stands there, what is not known is named as missing, nothing else leaves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.incident.entry import Notice
from province.incident.notice import draft

from .conftest import Edit
from .incident_cases import NOW, closing, incident, note, opening, sent

SECRET = "Bà Trần Thị B ở tổ 3 báo qua 0912345678"  # noqa: S105 - what must not leave, not a password


@pytest.mark.proves(76)
def test_a_draft_says_what_is_known_and_names_what_is_not(fleet: Fleet) -> None:
    made = draft(fleet, incident(opening()), Notice.FIRST, NOW)
    for text in (
        "# Báo cáo ban đầu về sự cố an ninh mạng nghiêm trọng",
        "Kính gửi: Trung tâm giám sát an toàn không gian mạng quốc gia",
        "Sở Khoa học và Công nghệ, Tỉnh An Giang",
        "Phát hiện lúc: 07 giờ 30 phút, ngày 26/11/2026",
        "Hạn gửi: 07 giờ 30 phút, ngày 27/11/2026",
        "Đặc khu Phú Quốc",
        "phu-quoc-party",
        "[CÒN THIẾU: họ tên và số điện thoại của đầu mối ứng cứu cấp tỉnh]",
    ):
        assert text in made.text
    assert made.missing == ("contact", "recipient", "measures")
    assert "DIỄN TẬP" not in made.text


def test_only_public_lines_leave(fleet: Fleet) -> None:
    one = incident(opening(), note(SECRET), note("Đã ngắt nút", public=True))
    for notice in Notice:
        text = draft(fleet, one, notice, NOW).text
        assert "Đã ngắt nút" in text
        for kept in ("Trần Thị B", "0912345678", one.opened.reporter, one.opened.reason):
            assert kept not in text


def test_the_report_on_the_cause_wants_cause_remedy_and_the_first_notice(fleet: Fleet) -> None:
    bare = draft(fleet, incident(opening()), Notice.CAUSE, NOW)
    assert {"cause", "remedy", "first"} <= set(bare.missing)
    assert "[CÒN THIẾU: nguyên nhân]" in bare.text
    whole = draft(fleet, incident(opening(), sent(Notice.FIRST, timedelta(hours=2)), closing()), Notice.CAUSE, NOW)
    assert not {"cause", "remedy", "first"} & set(whole.missing)
    for text in ("Khóa bị lộ", "Thay khóa, thay nút", "số 12/BC-SKHCN", "Hạn gửi: 07 giờ 30 phút, ngày 29/11/2026"):
        assert text in whole.text


def test_an_exercise_says_so_first_and_last(fleet: Fleet) -> None:
    lines = draft(fleet, incident(opening("exercise-2026-0001")), Notice.FIRST, NOW).text.strip().splitlines()
    assert lines[0].startswith("**DIỄN TẬP")
    assert lines[2].startswith("# DIỄN TẬP: ")
    assert lines[-1].startswith("**DIỄN TẬP")


def test_a_named_contact_stands_in_the_draft(data: Path, edit: Edit) -> None:
    edit(
        "fleet/registers/incident-contacts.yml",
        "{scope: province}",
        "{scope: province, name: Tổ trực, phone: '0'}",
    )
    made = draft(load_fleet("production", data), incident(opening()), Notice.FIRST, NOW)
    assert "Đầu mối ứng cứu: Tổ trực, 0" in made.text
    assert made.missing == ("unverified", "recipient", "measures")


def test_an_incident_of_another_environment_is_refused(fleet: Fleet) -> None:
    elsewhere = incident(opening().model_copy(update={"environment": "lab"}))
    with pytest.raises(ProvinceError, match="belongs to environment 'lab'"):
        draft(fleet, replace(elsewhere), Notice.FIRST, NOW)
