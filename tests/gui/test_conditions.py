"""What lasts stands above every page until it is over; the notice beside it may be gone."""

from __future__ import annotations

from aoi_app.station.status import Level
from tests.gui.clipping import clipped
from tests.gui.world import GuiWorld

FULL = ("The disk of the pictures is getting full.", "Free space, or shorten how long pictures are kept.")


def test_it_stands_on_every_page_as_long_as_it_lasts(world: GuiWorld) -> None:
    world.show()
    bar = world.window.conditions
    assert not bar.isVisible()
    world.station.journal.lasts("record", [FULL])
    world.until(bar.isVisible)
    for number in range(world.window._pages.count()):
        world.window.show_page(number)
        assert bar.isVisible() and bar.texts == (" ".join(FULL),)
    world.window.toasts.dismiss_all()
    world.spin(0.3)
    assert bar.isVisible()
    world.station.journal.lasts("record", [])
    world.until(lambda: not bar.isVisible())


def test_it_is_said_in_the_language_and_look_of_the_window(world: GuiWorld) -> None:
    world.show()
    bar = world.window.conditions
    world.station.journal.lasts("record", [FULL])
    world.until(bar.isVisible)
    world.window.set_language("zh")
    assert bar.texts == ("图像磁盘空间不足。请清理空间，或缩短图像保留时间。",)
    world.window.set_theme("light")
    assert len(bar.texts) == 1
    world.window.set_language("en")
    assert bar.texts == (" ".join(FULL),)


def test_a_fault_stands_first_and_many_are_counted(world: GuiWorld) -> None:
    world.show(1180, 700)
    bar = world.window.conditions
    world.station.start()
    world.station.fail("The camera CAM-1 no longer answers.", "Check cable and power; it is looked for again.")
    world.station.journal.lasts("record", [(f"Disk {k} is full.", "Free space.") for k in range(4)])
    world.until(lambda: len(bar.texts) == 3)
    assert bar.texts[0].startswith("The camera CAM-1 no longer answers.")
    assert bar.texts[2].endswith("2 more")
    assert bar.conditions[0].level is Level.ERROR
    world.spin(0.2)
    assert not clipped(world.window)
    world.station.start()
    world.until(lambda: bar.texts[0].startswith("Disk 0"))
