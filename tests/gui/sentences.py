"""Finds in the source every sentence that the station makes and a person may read in the window.

A sentence is found where it is handed on: as argument of an error, of the journal, of a board's list of reasons, of a
progress report. From there it is followed back through names, calls, tables and the values inside an f-string, as far
as the source tells.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aoi_app

SOURCE = Path(aoi_app.__file__).parent
COMMAND_LINE = re.compile(r"/(cli|training|migrations)/|command\w*\.py|/bench\w*\.py|/compare\w*\.py")
"""What prints on a terminal only; its texts stay English."""

SPEAKERS = frozenset(
    {
        "message",
        "tell",
        "happen",
        "blame",
        "abort",
        "_shut",
        "_tell",
        "_alarm",
        "progress",
        "_progress",
        "report",
        "_set_progress",
        "check",
        "failure",
        "Choice",
        "Condition",
        "CameraInfo",
        "Driver",
        "RuntimeEntry",
        "OptionField",
        "Provider",
        "SessionInfo",
        "EngineInfo",
        "PrecisionChoice",
        "MemorySample",
        "Alarm",
        "Problem",
        "_wrong_board",
    }
)
"""What is handed to one of these, a person may read."""
SPOKEN_NAMES = re.compile(r"_?(what|hint|reason|error|problem|said|detail)s?", re.IGNORECASE)
"""What is stored under such a name, or appended to it, a person may read."""
TYPED = re.compile(r"pip |sudo |brew |AOI_EXTRAS=|\$env:|-c |<|\[_|SELECT |PRAGMA ")
"""What is typed or sent as it stands: commands, options, queries, expressions."""
SPOKEN_ENUMS = frozenset({"Right"})
"""Enumerations whose values stand in sentences."""
MOST_VARIANTS = 64

Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Module


@dataclass(frozen=True, slots=True, order=True)
class Sentence:
    """A sentence as it stands in the source, its values as {0}, {1}, ...; and where."""

    text: str
    place: str = field(compare=False)


def sentences(files: Iterable[Path] | None = None) -> list[Sentence]:
    """Return what the files may say, by default those that the window can meet; each sentence once."""
    chosen = files if files is not None else [f for f in SOURCE.rglob("*.py") if not COMMAND_LINE.search(f.as_posix())]
    return _Reader(sorted(chosen)).found()


def literals(files: Iterable[Path] | None = None) -> set[str]:
    """Return every text and every f-string of the source, whatever it is for, with its values as {0}, {1}, ..."""
    texts: set[str] = set()
    for file in files if files is not None else SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            texts.update(text for text, _ in _plain(node))
    return texts


def is_sentence(text: str) -> bool:
    """Tell whether a text has words for a person in it: it is no lone name or unit, and no command to be typed."""
    words = re.search(r"(?<![\w.\-/{])[a-z]{2,}(?![\w.\-/}=(])|^[A-Z][a-z]+ .*[.]$", text)
    return words is not None and " " in text.strip() and not TYPED.match(text)


def _plain(node: ast.AST) -> list[tuple[str, Sequence[ast.expr]]]:
    """Return the variants of a literal with the values inside; nothing for what is no literal."""
    if isinstance(node, ast.Constant):
        return [(node.value, ())] if isinstance(node.value, str) else []
    if isinstance(node, ast.JoinedStr):
        return _joined(node)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _plain(node.left), _plain(node.right)
        return [(a + _shifted(b, len(v)), (*v, *w)) for a, v in left for b, w in right]
    return []


def _shifted(text: str, by: int) -> str:
    return re.sub(r"{(\d+)}", lambda m: f"{{{int(m.group(1)) + by}}}", text)


def _joined(node: ast.JoinedStr) -> list[tuple[str, Sequence[ast.expr]]]:
    """Write out {'line is' if n == 1 else 'lines are'} and {name or 'default model'}: it makes sentences of its own."""
    choices: list[list[str | ast.expr]] = []
    for part in node.values:
        if isinstance(part, ast.Constant):
            choices.append([str(part.value)])
        elif isinstance(part, ast.FormattedValue):
            either = arms(part.value)
            words = [a.value for a in either if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            choices.append([*words] if 1 < len(words) == len(either) else [*words, part.value])
    found: list[tuple[str, Sequence[ast.expr]]] = []
    for variant in itertools.islice(itertools.product(*choices), MOST_VARIANTS):
        text = ""
        values: list[ast.expr] = []
        for piece in variant:
            if isinstance(piece, str):
                text += piece
            else:
                text += f"{{{len(values)}}}"
                values.append(piece)
        found.append((text, values))
    return found


def arms(node: ast.expr) -> list[ast.expr]:
    """Return what an expression may be: both sides of a condition, else itself."""
    if isinstance(node, ast.IfExp):
        return [*arms(node.body), *arms(node.orelse)]
    if isinstance(node, ast.BoolOp):
        return [arm for value in node.values for arm in arms(value)]
    return [node]


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


class _Reader:
    """All files at once: an error class of one is raised in another."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in files}
        self._functions: dict[str, list[ast.FunctionDef]] = defaultdict(list)
        self._errors = {"AoiError"}
        bases: list[tuple[str, set[str]]] = []
        for tree in self._trees.values():
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef):
                    self._functions[node.name].append(node)
                if isinstance(node, ast.ClassDef):
                    bases.append((node.name, {b.id for b in node.bases if isinstance(b, ast.Name)}))
        for _ in bases:
            self._errors |= {name for name, over in bases if over & self._errors}
        self._found: dict[str, str] = {}
        self._seen: set[int] = set()
        self._assigned: dict[Scope, dict[str, list[ast.expr]]] = {}

    def found(self) -> list[Sentence]:
        """Read all files."""
        for file, tree in self._trees.items():
            place = file.relative_to(SOURCE.parent).as_posix() if file.is_relative_to(SOURCE.parent) else file.name
            self._read(tree, [tree], place)
        return sorted(Sentence(text, place) for text, place in self._found.items())

    def _read(self, node: ast.AST, scopes: list[Scope], place: str) -> None:
        for spoken in self._spoken(node, scopes):
            self._follow(spoken, scopes, place)
        inner = [*scopes, node] if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) else scopes
        for child in ast.iter_child_nodes(node):
            self._read(child, inner, place)

    def _spoken(self, node: ast.AST, scopes: list[Scope]) -> Iterator[ast.expr]:
        """Yield the expressions that a node hands to a person."""
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield from node.exc.args
        if isinstance(node, ast.Return) and node.value is not None and self._returns_error(scopes[-1]):
            yield from node.value.args if isinstance(node.value, ast.Call) else [node.value]
        if isinstance(node, ast.ClassDef) and node.name in SPOKEN_ENUMS:
            yield from (member.value for member in node.body if isinstance(member, ast.Assign))
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(SPOKEN_NAMES.fullmatch(_name(target)) for target in targets):
                yield node.value
        if isinstance(node, ast.Call):
            speaks = self._speaks(node)
            yield from node.args if speaks else ()
            yield from (k.value for k in node.keywords if speaks or SPOKEN_NAMES.fullmatch(k.arg or ""))

    def _returns_error(self, scope: Scope) -> bool:
        returns = None if isinstance(scope, ast.Module) else scope.returns
        return returns is not None and bool(self._errors & set(re.findall(r"\w+", ast.unparse(returns))))

    def _speaks(self, node: ast.Call) -> bool:
        name = _called(node)
        if name in ("add", "error") and node.args:
            return name == "add" and "Level" in ast.dump(node.args[0])
        if name in ("append", "extend", "insert") and isinstance(node.func, ast.Attribute):
            return bool(SPOKEN_NAMES.fullmatch(_name(node.func.value)))
        return name in SPEAKERS or name in self._errors or ast.unparse(node.func) == "super().__init__"

    def _follow(self, node: ast.expr, scopes: list[Scope], place: str) -> None:
        if id(node) in self._seen:
            return
        self._seen.add(id(node))
        literal = _plain(node)
        for text, values in literal:
            if is_sentence(text):
                self._found.setdefault(text, place)
            for value in values:
                self._follow(value, scopes, place)
        if literal:
            return
        if isinstance(node, ast.Name):
            for value in self._values_of(node.id, scopes):
                self._follow(value, scopes, place)
        elif isinstance(node, ast.Call):
            for function in self._functions.get(_called(node), ()):
                for inner in ast.walk(function):
                    if isinstance(inner, (ast.Return, ast.Yield)) and inner.value is not None:
                        self._follow(inner.value, [*scopes[:1], function], place)
            for part in (*node.args, *([node.func.value] if isinstance(node.func, ast.Attribute) else [])):
                self._follow(part, scopes, place)
        elif not isinstance(node, (ast.Lambda, ast.Compare)):
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self._follow(child, scopes, place)
                elif isinstance(child, ast.comprehension):
                    self._follow(child.iter, scopes, place)

    def _values_of(self, name: str, scopes: Sequence[Scope]) -> Sequence[ast.expr]:
        """Return what is ever assigned to a name, in the innermost scope that does so."""
        for scope in reversed(scopes):
            if scope not in self._assigned:
                # A scope is walked once, not for every name in it: that took most of half a minute.
                values = self._assigned[scope] = defaultdict(list)
                for node in ast.walk(scope):
                    for assigned, value in _assigned(node):
                        values[assigned].append(value)
            if name in self._assigned[scope]:
                return self._assigned[scope][name]
        return ()


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that a node gives a value, with the value."""
    if isinstance(node, ast.Assign):
        names = {n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)}
        yield from ((name, node.value) for name in names)
    elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
        yield _name(node.target), node.value
    elif isinstance(node, (ast.For, ast.comprehension)):
        yield from ((n.id, node.iter) for n in ast.walk(node.target) if isinstance(n, ast.Name))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        values = node.args if node.func.attr in ("append", "extend", "insert") else ()
        yield from ((_name(node.func.value), value) for value in values)
