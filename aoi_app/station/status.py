"""What the station tells its listeners: state, snapshot, events."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from aoi_app.core.inspection import EngineInfo, Inspection
from aoi_app.core.protocols import CameraInfo, MemorySample


class State(str, Enum):
    """IDLE -> ARMING -> RUNNING <-> PAUSED -> STOPPING -> IDLE, FAULT from anywhere."""

    IDLE = "IDLE"
    ARMING = "ARMING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPING = "STOPPING"
    FAULT = "FAULT"


class Level(str, Enum):
    """How urgent an event is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class EventKind(str, Enum):
    """What an event is to programs; to people its sentence says it."""

    OTHER = ""
    CAMERA_LOST = "CAMERA_LOST"
    RECONNECTED = "RECONNECTED"
    """The camera is back, with every setting applied again."""
    CHANGEOVER = "CHANGEOVER"
    """A board's own code put another recipe into force."""
    PACE = "PACE"
    """A demonstration runs slower than it is set, at what the machine holds; or no more."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened on the line, for toasts and the log.

    Attributes
    ----------
    source
        Room it comes from: "camera", "inspection", "record", "engine", "station".
    what, hint
        As in `AoiError`: what happened, what to do next.
    detail
        Traceback for the log dock; may be empty.
    """

    number: int
    time_ns: int
    level: Level
    source: str
    what: str
    hint: str = ""
    detail: str = ""
    kind: EventKind = EventKind.OTHER


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is not as it should be, for as long as it is so.

    Attributes
    ----------
    source, what, hint
        As in `Event`.
    """

    level: Level
    source: str
    what: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Counters:
    """Boards since the counters were reset."""

    boards: int = 0
    passed: int = 0
    failed: int = 0
    errors: int = 0

    @property
    def first_pass_yield(self) -> float | None:
        """Share of inspected boards that passed at once; None before the first one. Errors count as not passed."""
        return self.passed / self.boards if self.boards else None


@dataclass(frozen=True, slots=True)
class Rates:
    """Figures of the last seconds.

    Attributes
    ----------
    tiles_per_s
        The FPS on screen.
    verdict_p50_ms, verdict_p99_ms
        From a board's last line to its verdict, over the last 500 boards; None before the first.
    """

    tiles_per_s: float = 0.0
    lines_per_s: float = 0.0
    boards_per_minute: float = 0.0
    verdict_p50_ms: float | None = None
    verdict_p99_ms: float | None = None
    tile_p50_ms: float | None = None
    tile_p99_ms: float | None = None


@dataclass(frozen=True, slots=True)
class StationStatus:
    """A snapshot of the station; cheap to take, never changes.

    Attributes
    ----------
    fault, fault_hint
        Why the state is `FAULT`, and what to do; empty otherwise.
    waiting_engine
        What is being prepared for the next boards ("loading fp16 ..."); empty when nothing is.
    inspect_queue, record_queue
        Entries waiting in the accounted queues.
    conditions
        What is not as it should be now, the fault first.
    """

    state: State = State.IDLE
    fault: str = ""
    fault_hint: str = ""
    camera: CameraInfo | None = None
    camera_connected: bool = False
    engine: EngineInfo | None = None
    waiting_engine: str = ""
    recipe: str = ""
    recipe_revision: int = 0
    counters: Counters = Counters()
    rates: Rates = Rates()
    memory: MemorySample | None = None
    last: Inspection | None = None
    inspect_queue: int = 0
    record_queue: int = 0
    conditions: tuple[Condition, ...] = ()
