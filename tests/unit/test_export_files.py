"""What consumers get: the model's facts, each once, the same every time, and nothing of what was removed."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import dns.rdatatype
import dns.zone
import pytest
import yaml

from province.errors import ProvinceError
from province.exports.consumers import CONSUMERS
from province.exports.meeting_rooms import FILE as MEETING_ROOMS
from province.exports.questionnaire import FILE as QUESTIONNAIRE
from province.exports.sources import Files, Sources
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.site import Duty
from province.manifest.build import Builder
from province.manifest.enrolled import Enrolled
from province.manifest.trust import stand_in

TODAY = date(2026, 11, 26)
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGVtcHR5 authority"
GONE = "31078"


def exported(fleet: Fleet, consumer: str, **more: Any) -> Files:
    return CONSUMERS[consumer](Sources(fleet=fleet, folder=Path("/srv/exports") / consumer, today=TODAY, **more))


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def netbox(fleet: Fleet) -> dict[str, list[dict[str, str]]]:
    return {name.removesuffix(".csv")[3:]: rows(text) for name, text in exported(fleet, "netbox").items()}


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_the_same_facts_give_the_same_files(fleet: Fleet, consumer: str) -> None:
    assert exported(load_fleet("production"), consumer) == exported(fleet, consumer)


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_a_removed_commune_is_in_no_file_any_more(fleet: Fleet, consumer: str) -> None:
    gone = fleet.communes[GONE]
    names = re.compile(rf"\b{GONE}\b|{gone.name}|\b{gone.short}-(party|people)\b")
    rest = replace(fleet, communes={code: one for code, one in fleet.communes.items() if code != GONE})
    before = "".join(exported(fleet, consumer).values())
    after = "".join(exported(rest, consumer).values())
    assert names.search(before) or consumer in {"backstage", "grafana", "public-dns"}, "these hold no communes"
    assert not names.search(after)


def test_netbox_finds_whatever_a_row_names_in_an_earlier_file(fleet: Fleet) -> None:
    found = netbox(fleet)
    named = {
        name: {row["name"] for row in found[name]} for name in ("regions", "sites", "device-roles", "vrfs", "roles")
    }
    models = {row["model"] for row in found["device-types"]}
    racks = {(row["site"], row["name"]) for row in found["racks"]}
    devices = {row["name"] for row in found["devices"]}
    interfaces = {(row["device"], row["name"]) for row in found["interfaces"]}
    assert {row["region"] for row in found["sites"]} <= named["regions"]
    assert devices == set(fleet.hosts)
    for row in found["devices"]:
        assert row["role"] in named["device-roles"]
        assert row["device_type"] in models
        assert row["site"] in named["sites"]
        assert not row["rack"] or (row["site"], row["rack"]) in racks
    for row in (*found["ip-addresses"], *found["primary-ip-addresses"]):
        assert (row["device"], row["interface"]) in interfaces
    for row in (*found["prefixes"], *found["ip-addresses"]):
        assert row["vrf"] in {"", *named["vrfs"]}
    assert {row["role"] for row in found["prefixes"]} <= {"", *named["roles"]}
    assert {row["provider"] for row in found["circuits"]} == {row["name"] for row in found["providers"]}
    assert {row["type"] for row in found["circuits"]} == {row["name"] for row in found["circuit-types"]}


def test_netbox_gets_nothing_twice(fleet: Fleet) -> None:
    found = netbox(fleet)
    keys = {
        "sites": ("name",),
        "roles": ("slug",),
        "prefixes": ("vrf", "prefix"),
        "interfaces": ("device", "name"),
        "circuits": ("provider", "cid"),
        "providers": ("slug",),
    }
    addresses = [(row["vrf"], row["address"]) for row in (*found["ip-addresses"], *found["primary-ip-addresses"])]
    named = [(name, *(row[key] for key in columns)) for name, columns in keys.items() for row in found[name]]
    assert [one for one, count in Counter([*named, *addresses]).items() if count > 1] == []


def test_netbox_knows_the_capacity_of_every_line_and_one_primary_address_of_each_protocol(fleet: Fleet) -> None:
    found = netbox(fleet)
    rates = {row["cid"]: row["commit_rate"] for row in found["circuits"]}
    for node in fleet.nodes:
        line = fleet.communes[node.commune or ""].lines
        assert rates[f"{node.name}-tslcd"] == str((line.party if node.body == "party" else line.people).mbps * 1000)
    assert rates["phu-quoc-internet"] == "400000"
    assert rates["rach-gia-level-1-a"] == "10000000"
    primary = Counter(row["device"] for row in found["primary-ip-addresses"])
    assert primary == dict.fromkeys(fleet.hosts, 2)


def test_prometheus_knows_every_host_with_its_labels(fleet: Fleet) -> None:
    groups = json.loads(exported(fleet, "prometheus")["hosts.json"])
    labels: Mapping[str, dict[str, str]] = {group["targets"][0]: group["labels"] for group in groups}
    assert set(labels) == {host.fqdn for host in fleet.hosts.values()}
    node, gateway = fleet.hosts["phu-quoc-party"], fleet.hosts["rach-gia-gateway-1"]
    assert labels[node.fqdn] == {
        "environment": "production",
        "host": node.name,
        "class": "edge",
        "commune": "phu-quoc",
        "commune_code": "31078",
        "body": "party",
        "wave": str(node.wave),
    }
    assert labels[gateway.fqdn] == {
        "environment": "production",
        "host": gateway.name,
        "class": "gateway",
        "site": "rach-gia",
    }


def test_known_hosts_trust_the_authority_for_the_province_s_names_alone(fleet: Fleet) -> None:
    found = exported(fleet, "ssh", host_authority=KEY)
    known = found["known_hosts"].splitlines()
    assert known[1:] == [f"@cert-authority *.{fleet.province.domain} {' '.join(KEY.split()[:2])}"]
    assert 'UserKnownHostsFile "/srv/exports/ssh/known_hosts"' in found["ssh_config"]


def test_without_an_authority_known_hosts_are_the_register_s_host_keys(fleet: Fleet) -> None:
    keys = {"phu-quoc-party": {"ssh_host_ed25519_key": KEY, "wg-tslcd": "b64="}, "left-long-ago": {"ssh": KEY}}
    known = exported(fleet, "ssh", enrolled=Enrolled(keys=keys))["known_hosts"].splitlines()
    assert known[1:] == [f"phu-quoc-party.{fleet.province.domain} {KEY}"]
    assert "ssh will trust nobody" in exported(fleet, "ssh")["known_hosts"]


@pytest.mark.parametrize("character", ['"', "\n", "\\", "$"])
def test_a_folder_that_ssh_cannot_name_is_refused(fleet: Fleet, character: str) -> None:
    place = Path(f"/srv/a{character}b")
    with pytest.raises(ProvinceError, match="cannot stand in ssh_config"):
        CONSUMERS["ssh"](Sources(fleet=fleet, folder=place, today=TODAY))


def test_zone_files_say_what_the_resolvers_say(fleet: Fleet) -> None:
    resolver = next(host for host in fleet.hosts.values() if Duty.DNS in host.duties)
    text = Builder(fleet, stand_in(fleet)).build(resolver).files["/etc/unbound/unbound.conf"].content
    data = re.findall(r'^ +local-data: "(\S+)\. (\d+) IN (A|AAAA|NS) (\S+)"$', text, re.MULTILINE)
    pointers = re.findall(r'^ +local-data-ptr: "(\S+) (\d+) (\S+)"$', text, re.MULTILINE)
    soa = re.search(r' IN SOA (\S+ \S+) 1 ([\d ]+)"$', text, re.MULTILINE)
    zones = {
        name.removeprefix("db."): dns.zone.from_text(content, relativize=False, check_origin=True)
        for name, content in exported(fleet, "dns").items()
    }
    assert set(zones) == {fleet.province.domain, *re.findall(r'local-zone: "(\S+arpa)\." static', text)}
    found = {
        (name.to_text(omit_final_dot=True), str(ttl), dns.rdatatype.to_text(record.rdtype), record.to_text())
        for zone in zones.values()
        for name, ttl, record in zone.iterate_rdatas()
    }
    forward = {one for one in found if one[2] in {"A", "AAAA"}}
    assert forward == {one for one in data if one[2] != "NS"}
    assert {(ttl, name) for _, ttl, kind, name in found if kind == "PTR"} == {(ttl, name) for _, ttl, name in pointers}
    assert len([one for one in found if one[2] == "PTR"]) == len(pointers) == 2 * len(fleet.hosts)
    assert soa
    heads = {value for _, _, kind, value in found if kind == "SOA"}
    assert heads == {f"{soa[1]} {TODAY:%Y%m%d}00 {soa[2]}"}


def test_a_serial_grows_when_its_zone_changed_and_only_then(fleet: Fleet) -> None:
    first = exported(fleet, "dns")
    later = CONSUMERS["dns"](Sources(fleet, Path("/srv"), today=date(2026, 12, 1), before=first))
    assert later == first
    rest = replace(fleet, communes={code: one for code, one in fleet.communes.items() if code != GONE})
    changed = exported(rest, "dns", before=first)
    serials = {name: re.findall(r" IN SOA \S+ \S+ (\d+)", text)[0] for name, text in changed.items()}
    assert serials[f"db.{fleet.province.domain}"] == "2026112601"
    assert serials["db.19.198.in-addr.arpa"] == "2026112601"
    assert serials["db.18.198.in-addr.arpa"] == "2026112600", "no host has its name there"
    another_day = CONSUMERS["dns"](Sources(rest, Path("/srv"), today=date(2026, 12, 1), before=first))
    assert " 2026120100 3600 " in another_day[f"db.{fleet.province.domain}"]
    clock_went_back = CONSUMERS["dns"](Sources(rest, Path("/srv"), today=date(2020, 1, 1), before=first))
    assert " 2026112601 3600 " in clock_went_back[f"db.{fleet.province.domain}"]


def entities(fleet: Fleet) -> list[dict[str, Any]]:
    return [one for text in exported(fleet, "backstage").values() for one in yaml.safe_load_all(text)]


def test_every_entity_of_the_catalogue_is_complete_and_there_once(fleet: Fleet) -> None:
    """Structure only, by the published format; Backstage's own validator is a package of npm."""
    required = {
        "Location": {"targets"},
        "Group": {"type", "children"},
        "Domain": {"owner"},
        "System": {"owner", "domain"},
        "Component": {"type", "lifecycle", "owner", "system"},
        "Resource": {"type", "owner", "system"},
        "API": {"type", "lifecycle", "owner", "definition"},
    }
    found = entities(fleet)
    for one in found:
        assert one["apiVersion"] == "backstage.io/v1alpha1"
        assert required[one["kind"]] <= one["spec"].keys()
        assert re.fullmatch(r"[A-Za-z0-9]+([-_.][A-Za-z0-9]+)*", one["metadata"]["name"])
        assert len(one["metadata"]["name"]) <= 63
        for key, value in one["metadata"].get("labels", {}).items():
            assert re.fullmatch(r"[a-z0-9.-]+/[A-Za-z0-9-]+", key)
            assert re.fullmatch(r"[A-Za-z0-9]+([-_.][A-Za-z0-9]+)*", value)
    assert max(Counter((one["kind"], one["metadata"]["name"]) for one in found).values()) == 1


def test_every_reference_of_the_catalogue_leads_to_an_entity(fleet: Fleet) -> None:
    files = exported(fleet, "backstage")
    found = entities(fleet)
    known = {f"{one['kind'].lower()}:default/{one['metadata']['name']}" for one in found}
    lists = [one["spec"].get(key, []) for one in found for key in ("providesApis", "consumesApis", "dependsOn")]
    single = [one["spec"][key] for one in found for key in ("owner", "system", "domain") if key in one["spec"]]
    named = {*single, *(reference for part in lists for reference in part)}
    assert named <= known
    root = yaml.safe_load(files["catalog-info.yaml"])
    assert {f"./{name}" for name in files} == {*root["spec"]["targets"], "./catalog-info.yaml"}


def test_the_catalogue_shows_a_flow_as_a_relation(fleet: Fleet) -> None:
    specs = {(one["kind"], one["metadata"]["name"]): one["spec"] for one in entities(fleet)}
    office = specs["Component", "e-office.documents"]
    assert office["owner"] == "group:default/science-technology"
    assert office["consumesApis"] == ["api:default/document-gateway.intake", "api:default/signing.api"]
    assert office["dependsOn"] == [f"resource:default/e-office.{name}" for name in ("db", "files", "queue")]
    assert specs["Component", "signing.api"]["providesApis"] == ["api:default/signing.api"]
    assert "api:default/signature-ocsp" in specs["Component", "signing.api"]["consumesApis"]
    assert specs["Resource", "e-office.db"]["type"] == "postgresql"


def test_the_questionnaire_has_a_row_for_each_body_and_opens_in_office_programs() -> None:
    lab = load_fleet("lab")
    text = exported(lab, "questionnaire")[QUESTIONNAIRE]
    assert text.encode().startswith(b"\xef\xbb\xbfSTT,")
    assert text.count("\r\n") == text.count("\n") == 1 + len(lab.nodes), "the whole province, not only the lab's hosts"
    row = next(row for row in rows(text) if row["Nút biên"] == "phu-quoc-people")
    assert row["Tên đơn vị"] == "Đặc khu Phú Quốc"
    assert row["Cơ quan"] == "Ủy ban nhân dân"
    assert row["Băng thông TSLCD (Mbps)"] == "6"
    assert (row["Hải đảo"], row["Vĩ độ"], row["Kinh độ"]) == ("Có", "10.275", "103.991")
    assert row["Đường dự phòng"] == "Internet 400 Mbps; di động 4G/5G"
    assert "Văn phòng điện tử" in row["Hệ thống truy cập được"].split("; ")
    assert int(row["Số hệ thống truy cập được"]) == row["Hệ thống truy cập được"].count("; ") + 1


def test_every_body_has_a_room_with_its_profile_and_what_is_told_of_it() -> None:
    lab = load_fleet("lab")
    told = list(rows(exported(lab, "meeting-rooms")[MEETING_ROOMS]))
    assert {row["Nút biên"] for row in told} == {node.name for node in lab.nodes}
    room, silent = (
        next(row for row in told if row["Nút biên"] == name) for name in ("phu-quoc-people", "phu-quoc-party")
    )
    assert (room["Tốc độ (kbit/s)"], room["Thiết bị"], room["Số chỗ"]) == ("1000", "thiết bị chuyên dụng", "40")
    assert (silent["Tốc độ (kbit/s)"], silent["Thiết bị"], silent["Phòng"]) == ("1000", "", "")
    relays = [one.partition(".")[0] for one in room["Máy chuyển tiếp"].split("; ")]
    assert relays == [host.name for host in lab.hosts.values() if "video" in host.duties]
