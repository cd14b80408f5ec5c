"""`mockforge_snapshot` as its users see it: one snapshot for all plugins, updates, failures, syrupy's options."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.conftest import ROOT, RUST, Run

C = ROOT / "fixtures" / "reference" / "c"
PORTED = ROOT / "fixtures" / "ported" / "c"
PAGE = (ROOT / "docs" / "snapshots.md").read_text("utf-8")
EXAMPLES = ROOT / "example_tests"
OPERATIONS = """
import pytest


def test_authenticate(mockforge_plugin, mockforge_request, mockforge_snapshot):
    assert mockforge_plugin.authenticate(mockforge_request.auth(query={"token": "alpha"})) == mockforge_snapshot


def test_template_function(mockforge_plugin, mockforge_snapshot):
    assert mockforge_plugin.template_function("length", "né🎸") == mockforge_snapshot


def test_generate_response(mockforge_plugin, mockforge_request, mockforge_snapshot):
    request = mockforge_request.response("GET", "/greeting/Ada")
    assert mockforge_plugin.generate_response(request) == mockforge_snapshot


def test_query_datasource(mockforge_plugin, mockforge_request, mockforge_snapshot):
    query = mockforge_request.query("SELECT * FROM users", limit=1)
    assert mockforge_plugin.query_datasource(query) == mockforge_snapshot
"""
VALUES = """
import pytest


@pytest.mark.parametrize("text", ["a", "b"])
def test_one(mockforge_plugin, mockforge_snapshot, text):
    assert mockforge_plugin.template_function("upper", text) == mockforge_snapshot


class TestMore:
    def test_two(self, mockforge_plugin, mockforge_snapshot):
        for text in ("x", "y"):
            assert mockforge_plugin.template_function("upper", text) == mockforge_snapshot
        assert mockforge_plugin.template_function("upper", "z") == mockforge_snapshot(name="last")
"""
NAMES = ["TestMore.test_two", "TestMore.test_two.1", "TestMore.test_two[last]", "test_one[a]", "test_one[b]"]


@pytest.fixture
def compare(run: Run) -> Run:
    """Run tests over plugins, by label and folder, with syrupy."""
    pytest.importorskip("syrupy")

    def compare(*args: object, subprocess: bool = False, **plugins: Path) -> pytest.RunResult:
        specs = [f"--mockforge-plugin={label}={folder}" for label, folder in plugins.items()]
        return run("-p", "syrupy", "--mockforge-checks=none", *specs, *args, subprocess=subprocess)

    return compare


def kept(pytester: pytest.Pytester) -> str:
    """Give the one file of snapshots as it is; empty where there is none."""
    files = sorted(pytester.path.rglob("*.mockforge"))
    assert len(files) <= 1
    return files[0].read_text("utf-8") if files else ""


def names(pytester: pytest.Pytester) -> list[str]:
    return re.findall(r"^# (?!pytest-mockforge)(.*)$", kept(pytester), re.MULTILINE)


def unused_in(result: pytest.RunResult) -> bool:
    return bool(re.search(r"snapshots? unused|unused snapshot", result.stdout.str()))


# --- one snapshot for all plugins -------------------------------------------------------------------------------------


def test_all_plugins_write_and_share_one_snapshot(compare: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(VALUES)
    result = compare("--snapshot-update", "--snapshot-details", rust=RUST, c=C)
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines(["5 snapshots generated.", "Generated TestMore.test_two, *"])
    assert names(pytester) == NAMES
    result = compare(c=C)
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["5 snapshots passed."])


def test_a_label_that_is_an_id_too_is_taken_out_once(compare: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(VALUES)
    compare("--snapshot-update", a=RUST).assert_outcomes(passed=3)
    assert names(pytester) == NAMES


def test_a_label_is_taken_out_wherever_it_stands(compare: Run, pytester: pytest.Pytester) -> None:
    package = pytester.mkpydir("inner")
    (package / "conftest.py").write_text(
        "def pytest_generate_tests(metafunc):\n    metafunc.parametrize('number', [1, 2])\n"
    )
    (package / "test_x.py").write_text(
        "def test_it(number, mockforge_plugin, mockforge_snapshot):\n    assert number == mockforge_snapshot\n"
    )
    compare("--snapshot-update", rust=RUST, c=C).assert_outcomes(passed=4)
    assert names(pytester) == ["test_it[1]", "test_it[2]"]


def test_a_port_that_differs_once_an_operation_is_caught_and_each_field_named(
    compare: Run, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(OPERATIONS)
    compare("--snapshot-update", rust=RUST).assert_outcomes(passed=4)
    result = compare("-vv", port=PORTED)
    result.assert_outcomes(failed=4)
    for operation, field, expected, got in (
        ("authenticate", "/claims/scope", '"read write"', "nothing"),
        ("template_function", "/chars", "3", "4"),
        ("generate_response", "/headers/content-language", '"en"', "nothing"),
        ("query_datasource", "/rows/0/note", "null", '""'),
    ):
        result.stdout.re_match_lines([rf"E .* {field} differs from snapshot 'test_{operation}'"])
        result.stdout.fnmatch_lines([f"E *{field}", f"E *expected: {expected}", f"E *got: {got}", "E *plugin port"])


@pytest.mark.slow
@pytest.mark.parametrize("language", ["rust", "tinygo", "go", "assemblyscript", "c", "python-http"])
def test_the_snapshots_of_the_examples_hold_in_each_language(compare: Run, language: str) -> None:
    tests = EXAMPLES / "test_snapshots.py"
    result = compare(
        tests, "--mockforge-allow-commands", "-p", "no:cacheprovider", it=ROOT / "fixtures" / "reference" / language
    )
    assert result.parseoutcomes() == {"passed": 7}


# --- updates ----------------------------------------------------------------------------------------------------------


def test_an_update_changes_what_differs_and_keeps_the_rest(compare: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(VALUES)
    compare("--snapshot-update", rust=RUST).assert_outcomes(passed=3)
    pytester.makepyfile(VALUES.replace('"z"', '"other"'))
    compare(rust=RUST).assert_outcomes(passed=2, failed=1)
    before = kept(pytester)
    compare("--snapshot-update", rust=RUST, c=C).stdout.fnmatch_lines(["4 snapshots passed. 1 snapshot updated."])
    assert kept(pytester) == before.replace('value: "Z"', 'value: "OTHER"')


def test_an_update_in_dispute_fails_names_the_field_and_writes_nothing(compare: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(OPERATIONS + VALUES.replace("import pytest", ""))
    result = compare("--snapshot-update", "-vv", rust=RUST, port=PORTED)
    result.assert_outcomes(passed=10, failed=4)
    result.stdout.fnmatch_lines(
        [
            "E *assert /claims/scope differs in an update of snapshot 'test_authenticate', and 1 more field",
            "E *expected is what plugin rust answered, got what port did",
            "nothing was written: 4 snapshots in dispute",
            "  test_authenticate: plugin port and plugin rust differ",
            "9 snapshots failed.",
        ]
    )
    assert not list(pytester.path.rglob("__snapshots__"))


def test_a_dispute_over_one_field_leaves_the_old_snapshots_as_they_were(
    compare: Run, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(OPERATIONS + VALUES.replace("import pytest", ""))
    compare("--snapshot-update", rust=RUST).assert_outcomes(passed=7)
    before = kept(pytester)
    # Neither is what became unused cleared, nor what all agree to written.
    pytester.makepyfile(OPERATIONS + VALUES.replace("import pytest", "").replace('(name="last")', ""))
    assert compare("--snapshot-update", rust=RUST, port=PORTED).ret == 1
    assert kept(pytester) == before


def test_what_may_differ_is_redacted_and_no_dispute(compare: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(OPERATIONS.replace("== mockforge_snapshot", '== mockforge_snapshot(redact=["/chars"])'))
    compare("--snapshot-update", "-k", "template", rust=RUST, port=PORTED).assert_outcomes(passed=2, deselected=6)
    assert '"chars": "<redacted>"' in kept(pytester)


def test_new_snapshots_alone_can_be_written(compare: Run, pytester: pytest.Pytester) -> None:
    if int(version("syrupy").partition(".")[0]) < 7:
        pytest.skip("this syrupy has no such option")
    pytester.makepyfile(OPERATIONS)
    compare("--snapshot-update", "-k", "authenticate", rust=RUST)
    result = compare("--snapshot-update-new-only", port=PORTED)
    result.assert_outcomes(passed=3, failed=1)
    assert len(names(pytester)) == 4
    assert '"scope": "read write"' in kept(pytester)


# --- failures and what is shown ---------------------------------------------------------------------------------------


def test_a_missing_snapshot_fails_and_says_how_it_is_written(compare: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_m=VALUES)
    result = compare("-k", "one and a", rust=RUST)
    result.stdout.fnmatch_lines(
        [
            "E *assert snapshot 'test_one[[]a]', which does not exist",
            "E *in __snapshots__/test_m.mockforge, plugin rust",
            "E *hint: pytest --snapshot-update writes it",
        ]
    )
    assert not kept(pytester)


def test_what_does_not_fit_stands_in_a_section_of_its_own(compare: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_it(mockforge_snapshot, number=1):
            assert {f"k{i}": i * number for i in range(9)} == mockforge_snapshot
        """
    )
    compare("--snapshot-update").assert_outcomes(passed=1)
    pytester.makepyfile(
        """
        def test_it(mockforge_snapshot, number=2):
            assert mockforge_snapshot == {f"k{i}": i * number for i in range(9)}
        """
    )
    result = compare()
    result.stdout.fnmatch_lines(
        [
            "E *assert /k1 differs from snapshot 'test_it', and 7 more fields",
            "E *the rest stands below, under `mockforge snapshot`",
            "*Captured mockforge snapshot call*",
            "  /k8",
            "    expected: 8",
            "    got: 16",
        ]
    )


def test_what_python_takes_for_equal_types_is_told_apart(compare: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(mockforge_snapshot):\n    assert True == mockforge_snapshot\n")
    compare("--snapshot-update").assert_outcomes(passed=1)
    pytester.makepyfile("def test_it(mockforge_snapshot):\n    assert mockforge_snapshot == 1\n")
    compare().stdout.fnmatch_lines(["E *expected: true", "E *got: 1"])


def test_observations_and_refusals_are_compared_like_replies(compare: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from pytest_mockforge import Refusal

        def test_it(mockforge_plugin, mockforge_request, mockforge_snapshot):
            health = mockforge_request.response("GET", "/health")
            assert mockforge_plugin.generate_response(health) == mockforge_snapshot(name="health")
            assert mockforge_plugin.observe(health) == mockforge_snapshot(name="health")
            with pytest.raises(Refusal) as refused:
                mockforge_plugin.template_function("nonsense")
            assert refused.value == mockforge_snapshot(name="refusal")
            seen = mockforge_plugin.observe(mockforge_request.template("nonsense"))
            assert seen == mockforge_snapshot(name="refusal")
        """
    )
    compare("--snapshot-update", rust=RUST).assert_outcomes(passed=1)
    compare(c=C).assert_outcomes(passed=1)
    assert names(pytester) == ["test_it[health]", "test_it[refusal]"]


def test_volatile_fields_of_the_plugin_are_left_out(compare: Run, pytester: pytest.Pytester, rust: Path) -> None:
    text = (rust / "plugin.test.yaml").read_text("utf-8")
    (rust / "plugin.test.yaml").write_text(text.replace("samples:", "volatile: [/claims/scope]\nsamples:", 1), "utf-8")
    pytester.makepyfile(OPERATIONS)
    compare("--snapshot-update", "-k", "authenticate", rust=rust).assert_outcomes(passed=1, deselected=3)
    assert '"scope": "<volatile>"' in kept(pytester)


def test_matchers_and_filters_of_syrupy_are_taken(compare: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from syrupy.filters import paths
        from syrupy.matchers import path_type

        def test_it(mockforge_snapshot):
            value = {"body": {"id": 7}, "metadata": {"node": "a", "x": 1}}
            matcher, exclude = path_type({"body.id": (int,)}), paths("metadata.node")
            assert value == mockforge_snapshot(matcher=matcher, exclude=exclude)
            assert value == mockforge_snapshot.with_defaults(redact=["/body"])(keep=["uuid"])
        """
    )
    compare("--snapshot-update").assert_outcomes(passed=1)
    assert '"id": "<int>"' in kept(pytester)
    assert '"body": "<redacted>"' in kept(pytester)
    assert '"node"' not in kept(pytester).partition("test_it.1")[0]


# --- unused, in part, distributed -------------------------------------------------------------------------------------


def test_what_no_test_uses_fails_warns_or_is_cleared_as_asked(compare: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(VALUES)
    compare("--snapshot-update", rust=RUST)
    pytester.makepyfile(VALUES.replace('(name="last")', ""))
    compare("--snapshot-update", rust=RUST, c=C).stdout.fnmatch_lines(
        ["4 snapshots passed. 1 snapshot generated. 1 unused snapshot deleted."]
    )
    pytester.makepyfile(VALUES.replace('("x", "y")', '("x",)').replace('"z"', '"y"').replace('(name="last")', ""))
    unused = compare("--snapshot-details", c=C)
    assert unused.ret == 1
    unused.stdout.fnmatch_lines(["4 snapshots passed. 1 snapshot unused.", "Unused TestMore.test_two.2 (*"])
    assert compare("--snapshot-warn-unused", c=C).ret == 0


@pytest.mark.parametrize(
    "part",
    [
        ["-k", "one"],
        pytest.param(["-k", "rust"], marks=pytest.mark.slow),
        pytest.param(["-k", "not rust"], marks=pytest.mark.slow),
        pytest.param(["test_u.py::test_one[rust-a]"], marks=pytest.mark.slow),
        ["test_u.py::TestMore"],
        pytest.param(["--deselect", "test_u.py::TestMore"], marks=pytest.mark.slow),
        ["-x"],
    ],
    ids=" ".join,
)
def test_a_part_of_the_tests_leaves_nothing_unused(compare: Run, pytester: pytest.Pytester, part: list[str]) -> None:
    pytester.makepyfile(test_u=VALUES)
    compare("--snapshot-update", rust=RUST, c=C)
    before = kept(pytester)
    result = compare("--snapshot-update", *part, rust=RUST, c=C)
    assert result.ret == 0
    assert not unused_in(result)
    assert kept(pytester) == before


def test_what_only_one_plugin_answers_is_not_unused_without_it(compare: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(VALUES.replace("class TestMore:", "@pytest.mark.mockforge(plugins=['rust'])\nclass TestMore:"))
    compare("--snapshot-update", rust=RUST, c=C).assert_outcomes(passed=5)
    result = compare("--snapshot-update", c=C)
    result.assert_outcomes(passed=2, skipped=1)
    assert names(pytester) == NAMES


def test_a_test_that_fails_leaves_its_snapshots_alone(compare: Run, pytester: pytest.Pytester, tmp_path: Path) -> None:
    pytester.makepyfile(VALUES)
    compare("--snapshot-update", rust=RUST)
    broken = tmp_path / "broken.wasm"
    broken.write_bytes(b"\0asm")
    result = compare("--snapshot-update", broken=broken)
    result.assert_outcomes(errors=3)
    assert not unused_in(result)
    pytester.makepyfile(VALUES.replace("        for text", "        assert not mockforge_plugin\n        for text"))
    result = compare("--snapshot-update", rust=RUST)
    result.assert_outcomes(passed=2, failed=1)
    assert names(pytester) == NAMES


def test_a_run_without_our_fixture_does_not_clear_our_files(compare: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(VALUES)
    compare("--snapshot-update", rust=RUST)
    pytester.makepyfile(test_other="def test_it(snapshot):\n    assert 1 == snapshot\n")
    compare("--snapshot-update")
    assert names(pytester) == NAMES
    assert (pytester.path / "__snapshots__" / "test_other.ambr").exists()


def test_files_of_syrupys_own_are_left_to_syrupy(compare: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "def test_it(snapshot, mockforge_snapshot):\n    assert 1 == snapshot\n    assert 2 == mockforge_snapshot\n"
    )
    compare("--snapshot-update").stdout.fnmatch_lines(["2 snapshots generated."])
    result = compare()
    result.stdout.fnmatch_lines(["2 snapshots passed."])
    assert result.ret == 0


@pytest.mark.slow
def test_workers_write_one_file_and_disputes_between_them_nothing(compare: Run, pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    pytester.makepyfile(OPERATIONS)
    apart = ("-p", "xdist", "-n", "2")
    result = compare(*apart, "--snapshot-update", rust=RUST, port=PORTED, subprocess=True)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["nothing was written: 4 snapshots in dispute"])
    assert not list(pytester.path.rglob("__snapshots__"))
    result = compare(*apart, "--snapshot-update", rust=RUST, c=C, subprocess=True)
    result.assert_outcomes(passed=8)
    assert len(names(pytester)) == 4
    # Neither locks nor what was written beside it.
    assert [path.suffix for path in (pytester.path / "__snapshots__").iterdir()] == [".mockforge"]
    compare(*apart, rust=RUST, c=C, subprocess=True).assert_outcomes(passed=8)


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("# test_one[a]", "<<<<<<< ours\n# test_one[a]"), "*:*: the snapshots have conflict markers"),
        (("snapshots 1", "snapshots 9"), "*: the snapshots are of another version"),
    ],
    ids=["conflict", "version"],
)
def test_a_file_that_cannot_be_used_is_named_and_never_changed(
    compare: Run, pytester: pytest.Pytester, change: tuple[str, str], complaint: str
) -> None:
    pytester.makepyfile(VALUES)
    compare("--snapshot-update", rust=RUST)
    (path,) = pytester.path.rglob("*.mockforge")
    path.write_text(broken := path.read_text("utf-8").replace(*change), "utf-8")
    for asked in ([], ["--snapshot-update"]):
        result = compare(*asked, rust=RUST)
        result.assert_outcomes(failed=3)
        result.stdout.fnmatch_lines([f"E *DocumentError: {complaint}", "E *hint: *"])
        assert kept(pytester) == broken


def test_a_read_only_file_fails_the_test_that_would_change_it(compare: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(VALUES)
    compare("--snapshot-update", rust=RUST)
    (path,) = pytester.path.rglob("*.mockforge")
    path.chmod(0o444)
    pytester.makepyfile(VALUES.replace('"z"', '"other"'))
    result = compare("--snapshot-update", rust=RUST)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["E *DocumentError: *: the snapshots are read-only, and nothing was written"])


def test_two_tests_that_write_one_name_are_told(compare: Run, pytester: pytest.Pytester) -> None:
    for folder in ("one", "two"):
        pytester.mkdir(folder).joinpath("test_x.py").write_text(
            "def test_it(mockforge_snapshot):\n    assert 1 == mockforge_snapshot\n"
        )
    result = compare("--import-mode=importlib", f"--snapshot-dirname={pytester.path / 'all'}", "--snapshot-update")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *SettingsError: two tests write the snapshot 'test_it'",
            "E *got: one/test_x.py::test_it and two/test_x.py::test_it",
        ]
    )


def test_one_name_for_two_values_of_a_test_is_a_dispute(compare: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "def test_it(mockforge_snapshot):\n    for i in (1, 2):\n        assert i == mockforge_snapshot(name='x')\n"
    )
    assert compare("--snapshot-update").ret == 1
    assert not kept(pytester)


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        ("redact=['body']", "SettingsError: mockforge_snapshot: 'body' cannot be used"),
        ("redact='/body'", "SettingsError: mockforge_snapshot: redact= takes a list"),
        ("name='a\\nb'", "SettingsError: mockforge_snapshot: the name 'a\\nb' cannot be used"),
    ],
)
def test_options_that_cannot_be_used_are_named(
    compare: Run, pytester: pytest.Pytester, call: str, complaint: str
) -> None:
    pytester.makepyfile(f"def test_it(mockforge_snapshot):\n    assert 1 == mockforge_snapshot({call})\n")
    assert complaint in compare().stdout.str()


def test_what_cannot_be_written_down_is_an_error_of_the_test(compare: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(mockforge_snapshot):\n    assert object() == mockforge_snapshot\n")
    compare("--snapshot-update").stdout.fnmatch_lines(
        ["E *SetupError: mockforge_snapshot: this cannot be written down"]
    )


# --- without syrupy ---------------------------------------------------------------------------------------------------


def test_without_syrupys_plugin_the_fixture_says_so(run: Run, pytester: pytest.Pytester) -> None:
    pytest.importorskip("syrupy")
    pytester.makepyfile("def test_it(mockforge_snapshot): pass")
    result = run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["E *SetupError: mockforge_snapshot: syrupy is installed, but its pytest plugin is not loaded"]
    )


def test_without_the_extra_the_test_is_skipped_with_the_command(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(mockforge_snapshot): pass")
    pytester.makeconftest(
        """
        import sys

        class Missing:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] == "syrupy":
                    raise ModuleNotFoundError(f"No module named {name!r}", name=name)

        sys.meta_path.insert(0, Missing())
        for name in [name for name in sys.modules if name.partition(".")[0] == "syrupy"]:
            del sys.modules[name]
        """
    )
    result = run("-rs", subprocess=True)
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(
        ["*mockforge_snapshot: syrupy is not installed: pip install 'pytest-mockforge[[]snapshot]'"]
    )


def test_another_fixture_of_that_name_is_named(compare: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def snapshot():
            return 7

        def test_it(mockforge_snapshot): pass
        """
    )
    compare().stdout.fnmatch_lines(["E *SetupError: mockforge_snapshot: the fixture `snapshot` is not syrupy's"])


# --- the page ---------------------------------------------------------------------------------------------------------


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_the_page_shows_what_is_written_and_how_it_fails(compare: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_x=blocks("python")[0])
    compare("--snapshot-update", rust=RUST).assert_outcomes(passed=1)
    assert kept(pytester).endswith(f"\n\n{blocks('text')[1]}")
    failed = compare(c=PORTED)
    assert [line for line in failed.outlines if line.startswith("E  ")] == blocks("text")[0].splitlines()
