"""The lock files fit pyproject.toml, carry hashes and name no index."""

import re
from pathlib import Path

import pytest
import tomli
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
SYSTEMS = ("linux", "win32")


def locked(name: str) -> list[Requirement]:
    text = (ROOT / "installer" / name).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert all("--hash=sha256:" in line for line in lines)
    return [Requirement(line.split(" --hash")[0].strip()) for line in lines]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted() -> dict[str, list[str]]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomli.load(file)
    return {
        "requirements.lock": project["project"]["dependencies"] + project["build-system"]["requires"],
        "requirements-test.lock": project["dependency-groups"]["test"],
    }


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-test.lock"])
def test_no_index_is_named(lock: str) -> None:
    text = (ROOT / "installer" / lock).read_text(encoding="utf-8")
    assert not re.search(r"://|--index|--extra-index|--find-links|--trusted-host", text)


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-test.lock"])
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_every_dependency_is_locked_once(lock: str, python: str, system: str) -> None:
    """A dependency added without ``bash installer/lock`` fails here, and not on a newcomer's machine."""
    place = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": system,
        "platform_system": "Windows" if system == "win32" else "Linux",
        "platform_machine": "AMD64" if system == "win32" else "x86_64",
        "platform_python_implementation": "CPython",
    }
    here = [pin for pin in locked(lock) if pin.marker is None or pin.marker.evaluate(place)]
    names = [canonical(pin.name) for pin in here]
    assert len(names) == len(set(names))
    versions = {canonical(pin.name): str(pin.specifier).removeprefix("==") for pin in here}
    for text in wanted()[lock]:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate(place):
            version = versions.get(canonical(requirement.name))
            assert version is not None, f"{requirement.name} is not in {lock}: run bash installer/lock"
            assert requirement.specifier.contains(version), f"{requirement} does not admit {version} of {lock}"
