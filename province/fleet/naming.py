"""The glossary: one word for one thing in model, files, commands, tests and reports, in both languages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """A word of the project: what it means here, and which neighbour it is easily taken for."""

    term: str
    vietnamese: str
    meaning: str
    not_to_confuse: str = ""


GLOSSARY = (
    Term(
        "province",
        "tỉnh",
        "the whole that one model describes: its communes, sites and systems",
        "not a former province, which is only where things come from",
    ),
    Term(
        "commune",
        "đơn vị hành chính cấp xã",
        "a unit of the lower of the two levels of local government: xã, phường or đặc khu",
        "not a xã, which is one kind of commune; there is no district between commune and province",
    ),
    Term(
        "body",
        "cơ quan",
        "one of the two offices of a commune that have a line each: Party Committee or People's Committee",
        "not an owner, which answers for a system",
    ),
    Term(
        "node",
        "nút biên",
        "the Debian machine at the end of one body's line",
        "not a Kubernetes node, which is called by its role: control plane, worker",
    ),
    Term("host", "máy chủ", "any Debian machine the project configures: an edge node or one in a data centre"),
    Term(
        "line",
        "đường truyền TSLCD",
        "the leased access of one body to the specialised data transmission network",
        "not a backup, which is another path for the same body",
    ),
    Term("backup path", "đường dự phòng", "what a body uses when its line fails", "not a backup copy of data"),
    Term(
        "specialised data transmission network",
        "mạng truyền số liệu chuyên dùng (TSLCD)",
        "the closed network of Party and State bodies, from the centre to the communes",
        "not the Internet connection of the same building",
    ),
    Term(
        "routing domain",
        "miền định tuyến",
        "addresses that may reach each other: government or Party; the two never leak",
        "not a DNS domain",
    ),
    Term("zone", "vùng mạng", "a part of a network with one level of trust, such as users, video or database"),
    Term("site", "địa điểm", "a place with racks: a data centre or an old machine room", "not a commune"),
    Term("cluster", "cụm Kubernetes", "one Kubernetes control plane with its workers, inside one site"),
    Term(
        "system",
        "hệ thống thông tin",
        "software with one owner, one level and one namespace, such as the electronic office",
        "not a platform of the register of 15, which may consist of several systems",
    ),
    Term("component", "thành phần", "one part of a system: a workload, a database, a queue"),
    Term(
        "flow",
        "luồng kết nối",
        "one connection that is allowed, named by who opens it, to whom, and why",
        "not a line, which carries many flows",
    ),
    Term("endpoint", "điểm kết nối ngoài", "a system of somebody else, outside the province's clusters"),
    Term(
        "owner",
        "đơn vị chủ quản",
        "the organisation that answers for a system; also the group with rights to it",
    ),
    Term(
        "tier",
        "hạng dịch vụ",
        "how much data and time a failure may cost, A to E; our own scale",
        "not the level, which the law defines",
    ),
    Term(
        "level",
        "cấp độ an toàn",
        "how well a system must be protected, 1 to 5, by Decree 331/2026",
        "not the two levels of the network (level I to the province, level II to the commune)",
    ),
    Term("register", "sổ đăng ký", "a list that no machine can compute, kept with its source"),
    Term("figure", "số liệu", "a published number with scope, source and date", "not a measurement of ours"),
    Term(
        "control",
        "biện pháp kiểm soát",
        "a security requirement that is checked, numbered in one list",
        "not a control plane",
    ),
    Term("waiver", "miễn trừ", "leave not to meet a control, for named hosts, with a reason and a last day"),
    Term("manifest", "bản kê trạng thái", "the whole wanted state of one host", "not a Kubernetes manifest"),
    Term(
        "wave",
        "đợt",
        "hosts that a run changes together before it looks whether all is well",
        "not a migration wave, which is a group of systems that move together",
    ),
    Term("phase", "giai đoạn", "the step a migrating system is in; changed by a reviewed request"),
    Term("gate", "điều kiện chuyển tiếp", "what must be proven before the next phase or wave"),
    Term(
        "evidence",
        "bằng chứng",
        "what was seen on a host, when, by whom, and what was expected",
        "not a report, which only shows evidence",
    ),
    Term(
        "ledger",
        "sổ bằng chứng",
        "the signed list of all runs of a folder of evidence, sealed or let go",
        "not a register, which is part of the model",
    ),
    Term("incident", "sự cố", "something that happened and must be reported", "not an exercise, which is kept apart"),
    Term("exercise", "diễn tập", "an incident that is only played; in no figure of the real ones"),
    Term("drift", "sai lệch", "a difference between the model and what a host or cluster really is"),
    Term("lab", "phòng thí nghiệm", "the province on one machine, without a route outside"),
    Term("mission", "nhiệm vụ", "everything that the province's agreement, reports and tasks name, row by row"),
)


def look_up(word: str) -> Term | None:
    """The term for a word of either language, whatever its case."""
    wanted = word.casefold()
    return next((one for one in GLOSSARY if wanted in (one.term.casefold(), one.vietnamese.casefold())), None)


def label(key: str, language: str) -> str:
    """A key of the model as a person reads it: the glossary's word where it has one."""
    words = key.replace("_", " ")
    term = look_up(words.removesuffix("s")) or look_up(words)
    return term.vietnamese if term and language == "vi" else words
