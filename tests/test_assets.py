"""Finding the files that travel beside the package."""

from __future__ import annotations

import pytest

from qbench import assets
from qbench.errors import InputError


def test_a_checkout_comes_first() -> None:
    first = assets.candidates("device_profiles")[0]
    assert (first.parent / "setup.cfg").is_file()
    assert assets.folder("device_profiles") == first


def test_a_missing_folder_says_where_it_was_looked_for() -> None:
    with pytest.raises(InputError) as caught:
        assets.folder("no_such_folder")
    for place in assets.candidates("no_such_folder"):
        assert str(place) in str(caught.value)
    assert "pip install" in str(caught.value.hint)
