"""A command as somebody types it, in this process."""

from __future__ import annotations

import pytest

from qbench.cli import main


def told(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `qbench ARGS`."""
    with pytest.raises(SystemExit) as ended:
        main([*map(str, args)])
    out, err = capsys.readouterr()
    code = ended.value.code
    assert isinstance(code, int)
    return code, out, err
