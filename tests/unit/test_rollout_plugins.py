"""What Ansible's plugins tell the controller of a roll-out, and what they refuse for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from province.errors import ProvinceError
from province.manifest.capability import CHECKOUT
from province.manifest.remembered import Known
from province.rollout import real_hands

PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.command: "true"
      when: inventory_hostname == 'new'
    - ansible.builtin.fail: {msg: it broke}
      when: inventory_hostname == 'bad'
    - ansible.builtin.ping:
"""


def test_the_callback_writes_each_host_once(tmp_path: Path) -> None:
    """A real play: one host changes, one is as it was, one fails, one is away."""
    (tmp_path / "ansible.cfg").touch()
    (tmp_path / "play.yml").write_text(PLAY, encoding="utf-8")
    away = "away ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=9"
    (tmp_path / "hosts").write_text(
        f"new ansible_connection=local\nsame ansible_connection=local\nbad ansible_connection=local\n{away}\n",
        encoding="utf-8",
    )
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
        "ANSIBLE_CALLBACK_PLUGINS": str(CHECKOUT / "ansible" / "plugins" / "callback"),
        "ANSIBLE_CALLBACKS_ENABLED": real_hands.CALLBACK,
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        real_hands.OUTCOMES: str(tmp_path / "outcomes"),
    }
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "-i", tmp_path / "hosts", tmp_path / "play.yml"],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    told = [json.loads(line) for line in (tmp_path / "outcomes").read_text(encoding="utf-8").splitlines()]
    assert sorted((one["host"], one["result"]) for one in told) == [
        ("away", "unreachable"), ("bad", "failed"), ("new", "changed"), ("same", "ok"),
    ], done.stdout  # fmt: skip
    assert next(one["said"] for one in told if one["host"] == "bad") == "it broke"


def heard_of(action: str, host: str, **result: Any) -> Any:
    """A result as Ansible hands it to a callback."""
    return SimpleNamespace(
        task=SimpleNamespace(action=action), host=SimpleNamespace(get_name=lambda: host), result=result
    )


def test_hosts_that_a_survey_found_as_declared_and_transactions_are_told_of_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(real_hands.OUTCOMES, str(tmp_path / "outcomes"))
    callback = plugin("callback/province_outcomes.py").CallbackModule()
    callback.v2_runner_on_ok(heard_of("province_survey", "a", held=["a", "b"]))
    callback.v2_runner_on_ok(heard_of("province_node", "c", changes=["change /etc/a", "restart x"]))
    callback.v2_runner_on_ok(heard_of("province_node", "d", changes=[]))
    callback.v2_runner_on_failed(heard_of("province_node", "e", msg="sshd -t refuses it"))
    callback.v2_runner_on_failed(heard_of("province_survey", "f", msg="no host was touched"))
    callback.v2_runner_on_ok(heard_of("province_node", "c", changes=[]))
    told = [json.loads(line) for line in (tmp_path / "outcomes").read_text(encoding="utf-8").splitlines()]
    assert [tuple(one.values()) for one in told] == [
        ("a", "ok", ""), ("b", "ok", ""), ("c", "changed", "change /etc/a; restart x"), ("d", "ok", ""),
        ("e", "failed", "sshd -t refuses it"),
    ]  # fmt: skip


def plugin(path: str) -> Any:
    """A plugin of ours, loaded as Ansible does: by its file."""
    place = CHECKOUT / "ansible" / "plugins" / path
    spec = spec_from_file_location(f"plugin_{place.stem}", place)
    assert spec
    assert spec.loader
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_hosts_that_would_get_something_else_than_planned_end_the_play_before_any_is_touched() -> None:
    refuse_others = plugin("action/province_survey.py")._refuse_others
    known = {name: Known(digest=name * 64) for name in "abc"}
    refuse_others(known, {"a": "a" * 64})
    refuse_others(known, {})
    with pytest.raises(ProvinceError, match="the model changed since the plan: b would get something else"):
        refuse_others(known, {"a": "a" * 64, "b": "x" * 64})
