"""The parsers of what hosts say, on output of Debian 13."""

from __future__ import annotations

import subprocess
from ipaddress import ip_interface
from pathlib import Path

from province.verify import facts


def test_sshd_settings_and_lists() -> None:
    config = facts.SshdConfig("permitrootlogin no\nciphers a@x,b\nhostkey /one\nhostkey /two\nbanner /etc/issue.net\n")
    assert config["permitrootlogin"] == "no"
    assert config["hostkey"] == "/one\n/two"
    assert config.words("ciphers") == {"b", "a@x"}


def test_sockets_of_both_protocols_with_their_process() -> None:
    text = """\
udp   UNCONN 0      0            127.0.0.1:323       0.0.0.0:*    users:(("chronyd",pid=71,fd=6))
udp   UNCONN 0      0      198.18.0.1%wan:123       0.0.0.0:*    users:(("chronyd",pid=71,fd=7))
tcp   LISTEN 0      128               [::]:22           [::]:*    users:(("sshd",pid=80,fd=4),("systemd",pid=1,fd=50))
tcp   LISTEN 0      4096                 *:10250            *:*    users:(("kubelet",pid=9,fd=20))
"""
    found = facts.parse_sockets(text)
    assert facts.Socket("udp", "127.0.0.1", 323, "chronyd") in found
    assert facts.Socket("udp", "198.18.0.1", 123, "chronyd") in found
    assert facts.Socket("tcp", "::", 22, "sshd") in found
    assert facts.Socket("tcp", "*", 10250, "kubelet") in found
    assert {one.port for one in found if one.loopback} == {323}


def test_addresses_leave_out_loopback_and_link_local() -> None:
    text = """[{"ifname":"lo","addr_info":[{"local":"127.0.0.1","prefixlen":8,"scope":"host"}]},
      {"ifname":"tslcd","addr_info":[{"local":"198.19.1.0","prefixlen":18,"scope":"global"},
        {"local":"2001:db8:10::100","prefixlen":64,"scope":"global"},
        {"local":"fe80::1","prefixlen":64,"scope":"link"}]}]"""
    assert facts.parse_addresses(text) == {
        "tslcd": frozenset({ip_interface("198.19.1.0/18"), ip_interface("2001:db8:10::100/64")})
    }


def test_routes_of_both_protocols() -> None:
    text = """[{"dst":"default","gateway":"198.19.64.1","dev":"internet"},{"dst":"198.19.0.0/18","dev":"tslcd"}]
[{"dst":"fe80::/64","dev":"tslcd"},{"dst":"2001:db8:1::/48","gateway":"2001:db8:10::1","dev":"tslcd"}]
"""
    assert facts.parse_routes(text) == {
        facts.Route("default", "198.19.64.1", "internet"),
        facts.Route("198.19.0.0/18", "", "tslcd"),
        facts.Route("2001:db8:1::/48", "2001:db8:10::1", "tslcd"),
    }


def test_accounts_with_and_without_password() -> None:
    text = """\
root:x:0:0:root:/root:/bin/bash
sync:x:4:65534:sync:/bin:/bin/sync
ops:x:2000:2000:Operator:/home/ops:/bin/bash

root:*:20000:0:99999:7:::
ops:$y$hash:20000:0:99999:7:::
"""
    found = facts.parse_accounts(text)
    assert found["root"].locked
    assert not found["ops"].locked
    assert [name for name, one in found.items() if one.can_log_in] == ["root", "ops"]


def test_settings_are_read_from_the_kernel_a_star_for_every_device() -> None:
    command = facts.sysctls_command(["kernel.printk", "net.ipv4.conf.*.rp_filter", "net.nothing.like.it"])
    told = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False).stdout
    found = facts.parse_sysctls(told)
    assert found.pop("kernel.printk") == " ".join(Path("/proc/sys/kernel/printk").read_text().split())
    devices = {one.name for one in Path("/proc/sys/net/ipv4/conf").iterdir()}
    assert set(found) == {f"net.ipv4.conf.{device}.rp_filter" for device in devices}


def test_packages_units_and_time() -> None:
    assert facts.parse_packages("ii  chrony\nrc  ntp\niU  half\n") == {"chrony"}
    units = facts.parse_units(
        "Id=ssh.service\nNames=sshd.service ssh.service\nActiveState=active\n\nId=x.service\nNames=x.service\n"
    )
    assert units["sshd.service"]["ActiveState"] == "active"
    assert set(units) == {"ssh.service", "sshd.service", "x.service"}
    rows = "^,*,198.19.129.33,2,6,377,32,0.0001,0.0002,0.0003\n^,?,198.19.145.33,0,6,0,4294967295,0,0,0\n"
    assert facts.parse_time_sources(rows) == (
        facts.TimeSource("198.19.129.33", selected=True, reachable=True),
        facts.TimeSource("198.19.145.33", selected=False, reachable=False),
    )


def test_the_last_word_of_sudo_counts() -> None:
    text = """Matching Defaults entries for ops on here:
    env_reset, secure_path=/usr/sbin\\:/usr/bin, use_pty, logfile=/var/log/sudo.log, timestamp_timeout=5,
    !visiblepw, !use_pty

User ops may run the following commands on here:
    (ALL : ALL) NOPASSWD: ALL
"""
    found = facts.parse_sudo_defaults(text)
    assert (found["use_pty"], found["logfile"], found["timestamp_timeout"]) == ("no", "/var/log/sudo.log", "5")
    assert found["visiblepw"] == "no"


def test_files_that_are_there_with_owner_mode_and_content() -> None:
    digest = "a" * 64
    text = f"root adm 640 /etc/one two\nroot root 644 /etc/three\n\n{digest}  /etc/one two\n{digest}  /etc/three\n"
    found = facts.parse_files(text)
    assert found["/etc/one two"] == facts.File("root", "adm", "640", digest)
    assert set(found) == {"/etc/one two", "/etc/three"}


def test_a_star_stands_for_one_device_name() -> None:
    seen = {
        "net.ipv4.conf.all.rp_filter": "1",
        "net.ipv4.conf.users.rp_filter": "2",
        "net.ipv4.conf.all.arp_filter": "0",
    }
    assert set(facts.settings_like(seen, "net.ipv4.conf.*.rp_filter").values()) == {"1", "2"}
