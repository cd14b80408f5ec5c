"""What a run says of modules that were built with the published Go SDK."""

from __future__ import annotations

from tests.conftest import ROOT, Run

GO_SDK = ROOT / "fixtures" / "go-sdk"


def test_the_first_error_of_a_go_author_is_the_wasi_import(run: Run) -> None:
    result = run(f"--mockforge-plugin={GO_SDK}", "--mockforge-checks=MF1")
    result.stdout.fnmatch_lines(
        [
            "*MockForge says: Plugin execution error: Failed to instantiate TinyGo module: unknown import: "
            "`wasi_snapshot_preview1::fd_write` has not been defined"
        ]
    )


def test_without_imports_the_export_is_not_found(run: Run) -> None:
    result = run(f"--mockforge-plugin={GO_SDK / 'without-wasi'}", "--mockforge-checks=MF1")
    result.stdout.fnmatch_lines(
        [
            "*MockForge says: Plugin execution error: Function 'authenticate' not found: "
            "failed to find function export `authenticate`"
        ]
    )
    assert "MF103" not in result.stdout.str()
