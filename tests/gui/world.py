"""A window on a fake station with a real record: what tests and screenshots look at."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication

from aoi_app.core.inspection import Verdict, Verification
from aoi_app.core.recipe import Recipe
from aoi_app.core.settings import Settings
from aoi_app.gui.application import make_application
from aoi_app.gui.background import Background
from aoi_app.gui.hooks import ErrorHooks
from aoi_app.gui.services import Choice, HistoryReader, Services
from aoi_app.gui.texts import use_language
from aoi_app.gui.theme import apply_theme
from aoi_app.gui.window import MainWindow
from aoi_app.inference.runtimes.table import RUNTIMES
from aoi_app.station.again import SecondLook, kept_image, look_again
from aoi_app.station.golden_boards import GoldenBoards
from aoi_app.storage.accounts import Accounts
from aoi_app.storage.alarms import Alarms
from aoi_app.storage.database import DATABASE_FILE, IMAGES_FOLDER
from aoi_app.storage.history import BoardRecord, History
from aoi_app.storage.pictures import PicturePolicy
from aoi_app.storage.recipes import RecipeBook
from aoi_app.storage.record_settings import load_record_settings, save_record_settings
from aoi_app.storage.review import Review
from aoi_app.storage.statistics import Statistics
from aoi_app.storage.store import Store
from tests.gui.changed_detector import Changed
from tests.gui.fake_station import FakeStation


class GuiWorld:
    """Station, services and window; everything is closed by `close`."""

    def __init__(
        self, folder: Path, language: str = "en", theme: str = "dark", size: tuple[int, int] = (512, 640)
    ) -> None:
        self.folder = folder
        self.whole = False
        settings = Settings.model_validate({"language": language, "theme": theme})
        self.station = FakeStation(*size, settings=settings)
        self.opening = settings
        self.saved: list[Settings] = []
        self.book = RecipeBook(folder)
        self.book.save(self.station.recipe)
        self.hooks = ErrorHooks()
        self.application: QApplication = make_application(offscreen=True)
        use_language(language)
        apply_theme(self.application, theme)
        self.window = MainWindow(self.station, self.services(), self.hooks)

    def services(self) -> Services:
        """Return services on a real record and recipe book."""
        return Services(
            open_history=self._open_history,
            cameras=lambda: (
                Choice("simulated:bare", "Simulated line, bare boards"),
                Choice("simulated:assembled", "Simulated line, assembled boards"),
                Choice("gige", "GigE Vision", missing="Install it with: apt-get install libaravis-0.8-0"),
            ),
            models=lambda: (Choice("aoi-bare-1.onnx", "aoi-bare-1", detail="mAP@0.33 0.98"),),
            runtimes=lambda: (
                Choice("onnxruntime", "ONNX Runtime"),
                Choice("tensorrt", "TensorRT", missing='Install it with: AOI_EXTRAS="tensorrt" bash installer/run'),
                Choice("triton", "Triton server"),
            ),
            runtime_fields=lambda name: RUNTIMES[name].fields,
            recipes=self.book.names,
            load_recipe=self.book.load,
            recipe_revisions=self.book.history,
            load_revision=self.book.load,
            save_recipe=self._save_recipe,
            save_settings=self._keep,
            open_review=lambda: Review(self.folder),
            open_statistics=lambda: Statistics(self.folder),
            read_golden=lambda record: self.station.goldens.get(record.row.board_id),
            inspect_again=self._inspect_again,
            goldens=GoldenBoards(lambda: self.folder / IMAGES_FOLDER),
            newest_recipes=self.book.newest,
            load_record=lambda: load_record_settings(self.folder),
            save_record=lambda record: save_record_settings(record, self.folder),
            open_accounts=lambda: Accounts(self.folder),
            open_alarms=lambda: Alarms(self.folder),
            facts=lambda: (("Version", "0.1.0"), ("Record", "/var/lib/aoi-station")),
        )

    def _open_history(self) -> HistoryReader | None:
        return History(self.folder) if (self.folder / DATABASE_FILE).exists() else None

    def _keep(self, changes: Mapping[str, Any]) -> None:
        before = self.saved[-1] if self.saved else self.opening
        self.saved.append(before.with_changes(**changes))

    def _save_recipe(self, recipe: Recipe, by: str) -> Recipe:
        return self.book.save(recipe, by)

    def _inspect_again(self, record: BoardRecord) -> SecondLook:
        image = kept_image(record)
        return look_again(record, image, Changed(record), self.book.load("default"), lambda _scan, _recipe: None)

    def record(
        self,
        boards: int,
        defects: Callable[[int], tuple[int, int]] = lambda k: (0, 0) if k % 3 else (1, 4),
        every_s: float = 0.0,
    ) -> None:
        """Inspect boards, one every so many seconds up to now, and write them to the record."""
        for number in range(boards):
            self.station.back_s = every_s * (boards - number)
            self.station.next_board(defects(number))
            self.station.finish()
        self.station.back_s = 0.0
        self.write()

    def write(self) -> None:
        """Write what was inspected since the last call to the record."""
        store = Store(self.folder, policy=PicturePolicy(whole_boards=frozenset(Verdict) if self.whole else frozenset()))
        for inspection, end in self.station.ends:
            store.record(inspection, end)
        self.station.ends.clear()
        store.close()

    def review(self, pattern: str = "ccrca") -> None:
        """Decide on all defects of the record: c confirmed, r false call, a accepted, in turns."""
        states = {
            "c": Verification.DEFECT_CONFIRMED,
            "r": Verification.DEFECT_REJECTED,
            "a": Verification.DEFECT_ACCEPTED,
        }
        review, history, number = Review(self.folder), History(self.folder), 0
        for board_id in review.queue(1_000):
            record = history.board(board_id)
            assert record is not None
            for defect in record.defects:
                if defect.defect.counts:
                    review.verify(defect.id, states[pattern[number % len(pattern)]], "anna", 1.5 + number % 3)
                    number += 1
        review.close()
        history.close()

    def show(self, width: int = 1366, height: int = 768) -> None:
        """Show the window and poll the station."""
        self.window.resize(width, height)
        self.window.show()
        self.window.begin()
        self.spin(0.15)

    def spin(self, seconds: float) -> None:
        """Let the window live."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.application.processEvents()
            # Only a real event loop deletes what asked to be deleted.
            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
            time.sleep(0.002)

    def until(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        """Let the window live until something holds."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not come true in time"
            self.spin(0.01)

    def settle(self) -> None:
        """Let the window live until every page has the answers that it asked for."""
        self.until(lambda: all(asking.idle for asking in self.window.findChildren(Background)))
        self.spin(0.1)

    def close(self) -> None:
        """Close the window and what is open beside it."""
        self.window.close()
        # Its dialogs are its children. Left to the garbage collector it would live through the next tests.
        self.window.deleteLater()
        QCoreApplication.sendPostedEvents(self.window, QEvent.Type.DeferredDelete.value)
        self.book.close()
