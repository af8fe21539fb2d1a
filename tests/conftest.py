"""For all tests: folders of their own, and another try where datagrams may get lost on the way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import settings

TRIES = 3

# How long an example takes says more of what else the machine does than of our code.
settings.register_profile("station", deadline=None)
settings.load_profile("station")


@pytest.fixture(scope="session", autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests out of the record, the settings and the cache of whoever runs them, programs they start included.

    A test that names no folder would read what a newer program left there, and write beside it.
    """
    with pytest.MonkeyPatch.context() as patch:
        for variable, name in (("AOI_DATA", "data"), ("AOI_CACHE", "cache")):
            patch.setenv(variable, str(tmp_path_factory.mktemp(name)))
        yield


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run tests marked `link` anew, fixtures included, when they fail.

    They send real packets over loopback, and a busy machine drops some: then a board is rightly an error where the
    test wants a whole one. A fault of ours fails every time.
    """
    if item.get_closest_marker("link") is None:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports: list[pytest.TestReport] = []
    for _ in range(TRIES):
        item._initrequest()  # type: ignore[attr-defined]
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        if not any(report.failed for report in reports):
            break
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
