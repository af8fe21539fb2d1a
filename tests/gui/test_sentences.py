"""Looking sentences up: values, sentences within sentences, several in one text; never an exception."""

from __future__ import annotations

import string
from pathlib import Path
from textwrap import dedent

from hypothesis import given
from hypothesis import strategies as st

from aoi_app.gui.sentences import Sentences
from tests.gui.sentences import sentences

TABLE = {
    "Open it first.": "请先打开。",
    "its trailing edge was not seen": "未检测到板尾",
    "{0} lines are missing": "缺少 {0} 行",
    "{0} cannot be used: {1}.": "{0} 无法使用：{1}。",
    "the engine failed: {0}": "引擎失败：{0}",
    "the engine failed: {0}; so did the one before it: {1}": "引擎失败：{0}；前一个也失败：{1}",
    "{0} runs on {1}, {2}": "{0} 运行于 {1}，{2}",
    "revision {0} of recipe {1}": "配方 {1} 的版本 {0}",
    "{0}: {1}": "{0}：{1}",
    "{0} remains {0}": "{0} 仍是 {0}",
    "size {0}{1}": "尺寸 {0}{1}",
}
ZH = Sentences(TABLE)
VALUES = st.text(string.ascii_letters + string.digits + "/_", min_size=1, max_size=12)


@given(st.text() | st.lists(st.sampled_from([*TABLE, "; ", ". ", "{0}", "no one knows this."])).map("".join))
def test_a_look_up_never_raises_and_never_returns_nothing(text: str) -> None:
    assert bool(ZH.of(text)) is bool(text)


@given(VALUES, VALUES)
def test_values_come_out_where_the_other_language_wants_them(number: str, name: str) -> None:
    assert ZH.of(f"revision {number} of recipe {name}") == f"配方 {name} 的版本 {number}"


@given(st.lists(st.sampled_from(["its trailing edge was not seen", "12 lines are missing"]), min_size=1, max_size=5))
def test_reasons_are_looked_up_one_by_one(reasons: list[str]) -> None:
    assert ZH.of("; ".join(reasons)) == "；".join(ZH.of(reason) for reason in reasons)


def test_sentences_within_sentences() -> None:
    assert ZH.of("a.json cannot be used: 3 lines are missing.") == "a.json 无法使用：缺少 3 行。"
    assert ZH.of("the engine failed: Open it first.") == "引擎失败：请先打开。"
    assert ZH.of("the engine failed: Open it first") == "引擎失败：请先打开"
    both = ZH.of("the engine failed: x cannot be used: y. Open it first.; so did the one before it: z")
    assert both == "引擎失败：x 无法使用：y。请先打开。；前一个也失败：z"


def test_lines_and_fields_are_looked_up_each_for_itself() -> None:
    assert ZH.of("40% · 3 lines are missing\nOpen it first.") == "40% · 缺少 3 行\n请先打开。"


def test_a_pattern_without_words_counts_only_around_what_is_known() -> None:
    assert ZH.of("KeyError: x") == "KeyError: x"
    assert ZH.of("top: its trailing edge was not seen") == "top：未检测到板尾"


def test_a_value_that_stands_twice_is_the_same_twice() -> None:
    assert ZH.of("a remains a") == "a 仍是 a"
    assert ZH.of("a remains b") == "a remains b"


def test_what_is_not_known_stays_beside_what_is() -> None:
    assert ZH.of("Nobody knows. Open it first.") == "Nobody knows.请先打开。"
    assert ZH.of("a value may not be empty: revision  of recipe ") == "a value may not be empty: revision  of recipe "


def test_long_texts_take_one_pass() -> None:
    # With expressions that go back and try again, this would not end.
    text = "x runs on " + ", , , , " * 20_000
    assert ZH.of(text + "!").startswith("x 运行于")


def test_the_capital_of_a_title_does_not_matter() -> None:
    assert Sentences({"process memory": "进程内存"}).of("Process memory") == "进程内存"


def test_a_value_that_is_a_name_is_looked_up_as_one() -> None:
    named = Sentences({"{0} at {1}, again": "{1} 又有 {0:defect}"}, {"defect": {"short": "短路"}.__getitem__})
    assert named.of("short at U5, again") == "U5 又有 短路"


def test_an_empty_table_changes_nothing() -> None:
    assert Sentences({}).of("3 lines are missing; Open it first.") == "3 lines are missing; Open it first."


def test_the_source_is_followed_to_where_a_sentence_is_made(tmp_path: Path) -> None:
    file = tmp_path / "room.py"
    file.write_text(
        dedent(
            '''
            """Not a sentence of the station."""
            HINT = "Look at it."
            SAYS = (("x", "The disk is full"),)

            class Broken(AoiError):
                pass

            def reason(number):
                return f"{number} {'line is' if number == 1 else 'lines are'} missing"

            def fail(path, kind):
                log.info("nobody reads this sentence")
                for piece, what in SAYS:
                    if piece in path:
                        raise Broken(f"{what}: {path} ({kind}).", HINT)
                problems = []
                problems.append("a block is " + f"{kind} and late")
                journal.add(Level.ERROR, "room", f"It cannot go on: {'; '.join(problems)}.", hint="Try " "again.")
                board.blame(reason(3))
            '''
        ),
        encoding="utf-8",
    )
    assert {sentence.text for sentence in sentences([file])} == {
        "Look at it.",
        "The disk is full",
        "{0} line is missing",
        "{0} lines are missing",
        "a block is {0} and late",
        "It cannot go on: {0}.",
        "Try again.",
    }
