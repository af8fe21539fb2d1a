"""Options from a command line: typed by their fields, refused when they are not what they should be."""

from __future__ import annotations

import pytest

from aoi_app.core.errors import SettingsError
from aoi_app.core.options import OptionField, only_changed, parse_options

FIELDS = (
    OptionField("url", "Server", "localhost:8001"),
    OptionField("timeout_s", "Time-out", 2.0),
    OptionField("threads", "Threads", 0),
    OptionField("tls", "TLS", False),
)


def test_values_get_the_type_of_their_field() -> None:
    texts = ["url=10.0.0.2:8001", "timeout_s=3", "threads = 2", "tls=on", "batch=4", "share=0.5", "name=a=b", "x=true"]
    found = parse_options(texts, FIELDS)
    assert found == {
        "url": "10.0.0.2:8001", "timeout_s": 3.0, "threads": 2, "tls": True, "batch": 4, "share": 0.5, "name": "a=b",
        "x": True,
    }  # fmt: skip
    assert isinstance(found["timeout_s"], float)


@pytest.mark.parametrize("text", ["url", "=3", "threads=many", "tls=perhaps", "timeout_s="])
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        parse_options([text], FIELDS)


def test_defaults_are_not_kept() -> None:
    assert only_changed({"url": "localhost:8001", "threads": 2, "other": 1}, FIELDS) == {"threads": 2, "other": 1}
