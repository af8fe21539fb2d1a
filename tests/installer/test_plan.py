"""What the set-up finds ready, what it does again, and what it refuses."""

import subprocess
import sys
from pathlib import Path

import pytest

from steps.environment import Environment
from steps.errors import SetupError
from steps.plan import Plan, extras_from, wants_window
from steps.stamp import Stamps

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project folder with the files that the keys are made from, all parts noted as standing."""
    (tmp_path / "installer" / "steps").mkdir(parents=True)
    for name in ("requirements.lock", "requirements-test.lock", "extras.txt", "steps/libraries.py"):
        (tmp_path / "installer" / name).write_text(name, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    note_all(Plan(tmp_path, tests=True, extras=("train",)))
    note_all(Plan(tmp_path, window=False))
    return tmp_path


def note_all(plan: Plan) -> None:
    stamps = Stamps(plan.root)
    for part, key in plan.keys(stamps).items():
        stamps.write(part, key)


def test_a_second_start_has_nothing_to_do(project: Path) -> None:
    assert Plan(project).ready()
    assert Plan(project, window=False).ready()
    assert Plan(project, tests=True, extras=("train",)).ready()


def test_a_fresh_clone_is_not_ready(tmp_path: Path, project: Path) -> None:
    (project / ".venv").rename(project / "elsewhere")
    assert not Plan(project).ready()


@pytest.mark.parametrize("changed", ["pyproject.toml", "installer/requirements.lock"])
def test_a_changed_dependency_asks_for_a_set_up(project: Path, changed: str) -> None:
    (project / changed).write_text("changed", encoding="utf-8")
    assert not Plan(project).ready()


def test_a_changed_test_lock_concerns_the_tests_only(project: Path) -> None:
    (project / "installer/requirements-test.lock").write_text("changed", encoding="utf-8")
    assert Plan(project).ready()
    assert not Plan(project, tests=True).ready()


def test_another_extra_asks_for_a_set_up(project: Path) -> None:
    assert not Plan(project, extras=("rtx", "train")).ready()


def test_a_moved_project_is_set_up_again(project: Path, tmp_path: Path) -> None:
    moved = project.rename(tmp_path.parent / f"{tmp_path.name}-moved")
    assert not Plan(moved).ready()


def test_an_interrupted_set_up_is_not_trusted(project: Path) -> None:
    stamps = Stamps(project)
    stamps.begin()
    assert stamps.interrupted
    assert not Plan(project).ready()
    stamps.end()
    assert Plan(project).ready()


def test_an_environment_copied_from_elsewhere_does_not_count(tmp_path: Path) -> None:
    environment = Environment(tmp_path)
    assert not environment.works()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").write_text("not a program", encoding="utf-8")
    assert not environment.works()
    (tmp_path / ".venv/bin/python").unlink()
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
    assert not environment.works()


def test_an_environment_made_here_works(tmp_path: Path) -> None:
    environment = Environment(tmp_path)
    environment.make()
    assert environment.works()


@pytest.mark.parametrize(
    ("arguments", "window"),
    [
        ([], True),
        (["--lang", "zh"], True),
        (["--offscreen", "--quit-after", "3"], False),
        (["inspect", "board.png"], False),
        (["--help"], False),
        (["--version"], False),
    ],
)
def test_a_window_is_expected_only_where_one_opens(arguments: list[str], window: bool) -> None:
    assert wants_window(arguments) is window


def test_extras_are_those_of_the_project() -> None:
    assert extras_from("train", ROOT) == ("train",)
    assert extras_from(" train, rtx ", ROOT) == ("rtx", "train")
    assert extras_from("", ROOT) == ()
    with pytest.raises(SetupError, match=r"trian; the extras are: .*train"):
        extras_from("trian", ROOT)


def test_the_check_before_each_start_answers_by_exit_status(project: Path) -> None:
    """The real command in a project that was never set up: it answers no, and changes nothing."""
    installer = project / "installer"
    for source in [*ROOT.glob("installer/*.py"), *ROOT.glob("installer/steps/*.py")]:
        (installer / source.relative_to(ROOT / "installer")).write_bytes(source.read_bytes())
    (project / ".venv").rename(project / "elsewhere")
    command = [sys.executable, "-ES", str(installer / "prepare.py"), "ready", "run", "--"]
    assert subprocess.run(command).returncode == 1
    assert not (project / ".venv").exists()
