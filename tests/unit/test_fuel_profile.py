"""Where the fuel of a call goes, by function."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_mockforge import Plugin, RequestBuilder, load
from pytest_mockforge.budgets.fuel_profile import FuelProfile, fuel_profile, merged
from tests.conftest import RUST

REQUEST = RequestBuilder().auth(query={"token": "alpha"})

SPINNING = """
  (func ${name} {export} (local $n i32)
    (local.set $n (i32.const {turns}))
    (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))"""


def module(body: str, *functions: str) -> str:
    return rf"""(module
      (memory (export "memory") 1)
      (data (i32.const 128) "{{\22authenticated\22:true,\22claims\22:{{}},\22metadata\22:{{}}}}")
      (func $alloc (export "alloc") (param i32) (result i32) (i32.const 1024))
      {"".join(functions)}
      (func $authenticate (export "authenticate") (param i32 i32) (result i32 i32)
        {body} (i32.const 128) (i32.const 48)))"""


def spinning(name: str, turns: int) -> str:
    return SPINNING.format(name=name, turns=turns, export="")


def opened(folder: Path, text: str, *, fuel: int | None = None) -> Plugin:
    path = folder / "plugin.wat"
    path.write_text(text, "utf-8")
    return load(path, cache="off", fuel=fuel)


TWO = module("(call $heavy) (call $light)", spinning("heavy", 3000), spinning("light", 1000))


def test_the_costliest_function_comes_first_with_its_share(tmp_path: Path) -> None:
    with opened(tmp_path, TWO) as plugin:
        top = fuel_profile(plugin, REQUEST).top(2)
    assert [share.function for share in top] == ["heavy", "light"]
    assert top[0].self_share == pytest.approx(0.75, abs=0.03)
    assert top[1].self_share == pytest.approx(0.25, abs=0.03)


def test_a_caller_has_the_fuel_of_what_it_calls_in_its_total_and_not_in_its_own(tmp_path: Path) -> None:
    with opened(tmp_path, TWO) as plugin:
        shares = {share.function: share for share in fuel_profile(plugin, REQUEST).top(5)}
        assert "authenticate" not in shares or shares["authenticate"].self_share < 0.03
    both = module("(call $outer)", spinning("inner", 2000), "(func $outer (call $inner))")
    with opened(tmp_path, both) as plugin:
        profile = fuel_profile(plugin, REQUEST)
    assert all(stack[:2] == ("authenticate", "outer") for stack in profile.stacks if "inner" in stack)
    assert profile.top(1)[0].total_share > 0.95


def test_recursion_counts_once_in_the_total(tmp_path: Path) -> None:
    recursive = """(func $down (param $n i32) (if (local.get $n)
      (then (call $down (i32.sub (local.get $n) (i32.const 1))))))"""
    with opened(tmp_path, module("(call $down (i32.const 200))", recursive)) as plugin:
        assert fuel_profile(plugin, REQUEST).top(1)[0].total_share <= 1.0


def test_collapsed_stacks_are_lines_that_flame_graph_viewers_open(tmp_path: Path) -> None:
    with opened(tmp_path, TWO) as plugin:
        profile = fuel_profile(plugin, REQUEST)
    lines = profile.collapsed().splitlines()
    assert all(re.fullmatch(r"[^;]+(;[^;]+)* \d+", line) for line in lines)
    assert any(line.startswith("authenticate;heavy ") for line in lines)
    assert sum(int(line.rpartition(" ")[2]) for line in lines) == pytest.approx(profile.fuel, rel=0.01)


def test_names_cannot_break_the_lines() -> None:
    profile = FuelProfile(fuel=10, weights={("a;b", "c"): 10.0})
    assert profile.collapsed() == "a,b;c 10\n"


def test_functions_that_ran_are_covered_and_others_are_not(tmp_path: Path) -> None:
    text = module("(call $heavy) (call $light)", *(spinning(name, 1000) for name in ("heavy", "light", "unused")))
    with opened(tmp_path, text) as plugin:
        covered = fuel_profile(plugin, REQUEST).covered
    assert {"heavy", "light"} <= set(covered)
    assert "unused" not in covered


def test_a_call_that_never_ends_is_profiled_up_to_the_limit(tmp_path: Path) -> None:
    with opened(tmp_path, module("(call $endless)", "(func $endless (loop $l (br $l)))"), fuel=100_000) as plugin:
        profile = fuel_profile(plugin, REQUEST, points=20)
    assert profile.top(1)[0].function == "endless"
    assert profile.fuel == 100_000


def test_the_plugin_itself_is_as_it_was_before(tmp_path: Path) -> None:
    with opened(tmp_path, TWO) as plugin:
        before = plugin.observe(REQUEST)
        fuel_profile(plugin, REQUEST)
        assert plugin.last is before
        assert plugin.observe(REQUEST).fuel == before.fuel


def test_profiles_of_several_requests_add_up_by_what_they_cost(tmp_path: Path) -> None:
    with opened(tmp_path, TWO) as plugin:
        one = fuel_profile(plugin, REQUEST)
    both = merged([one, one])
    assert both.fuel == 2 * one.fuel
    assert [share.function for share in both.top()] == [share.function for share in one.top()]
    assert both.top(1)[0].self_share == pytest.approx(one.top(1)[0].self_share)


def test_the_costliest_comes_first_whatever_its_name() -> None:
    profile = FuelProfile(fuel=10, weights={("a",): 1.0, ("z",): 5.0, ("m",): 2.0, ("c",): 2.0})
    assert [share.function for share in profile.top()] == ["z", "c", "m", "a"]


def test_profiles_without_a_weight_keep_the_first_reason() -> None:
    assert merged([FuelProfile(fuel=0, reason="one"), FuelProfile(fuel=0, reason="two")]).reason == "one"
    assert merged([]).reason == "there was no call to profile"


def test_what_has_no_fuel_says_so() -> None:
    component = RUST.parents[1] / "component" / "echo.wat"
    with load(component, cache="off") as plugin:
        profile = fuel_profile(plugin, RequestBuilder().template("a"))
    assert profile.stacks or profile.reason


def test_rust_names_are_shown_as_the_source_has_them() -> None:
    with load(RUST, cache="off") as plugin:
        profile = fuel_profile(plugin, RequestBuilder().query("SELECT * FROM users"))
    names = profile.covered
    assert len(profile.stacks) >= 20
    assert not [name for name in names if "$LT$" in name or re.search(r"::h[0-9a-f]{16}$", name)]
    assert "dlmalloc::dlmalloc::Dlmalloc<A>::malloc" in names
