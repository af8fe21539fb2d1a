"""What descriptions of cameras are refused before a library evaluates them, and which are not."""

from __future__ import annotations

import re

import pytest

from aoi_app.camera import aravis_library
from aoi_app.camera.aravis import AravisCamera
from aoi_app.camera.description_check import MOST_DEEP, check_description
from aoi_app.camera.gige import registers
from aoi_app.camera.gige.description import description
from aoi_app.core.errors import CameraError
from tests.camera.boards import device, loopback, pictures


def check(*elements: str) -> None:
    check_description(f"<RegisterDescription>{''.join(elements)}</RegisterDescription>".encode(), "10.0.0.9")


def refusal(*elements: str) -> str:
    with pytest.raises(CameraError) as error:
        check(*elements)
    assert "firmware" in error.value.hint and "10.0.0.9" in error.value.what
    return error.value.what


def integer(name: str, *references: str) -> str:
    return f'<Integer Name="{name}">{"".join(references)}</Integer>'


def to(tag: str, name: str, more: str = "") -> str:
    return f"<{tag}{more}>{name}</{tag}>"


def test_our_own_description_passes() -> None:
    check_description(description().encode(), "10.0.0.9")


@pytest.mark.parametrize(
    "tag", ["pValue", "pVariable", "pAddress", "pIndex", "pLength", "pValueIndexed", "pValueDefault", "pCommandValue"]
)
def test_an_element_that_evaluates_itself_is_refused(tag: str) -> None:
    assert "Width refers to itself: Width > Width." in refusal(integer("Width", to(tag, "Width")))


def test_the_whole_cycle_is_named() -> None:
    found = refusal(
        integer("Gain", to("pValue", "Width")),
        integer("Width", to("pValue", "WidthReg")),
        f'<IntReg Name="WidthReg">{to("pAddress", "Base")}</IntReg>',
        f'<IntSwissKnife Name="Base">{to("pVariable", "Width", " Name=" + chr(34) + "A" + chr(34))}</IntSwissKnife>',
    )
    assert "Width refers to itself: Width > WidthReg > Base > Width." in found


@pytest.mark.parametrize(
    "elements",
    [
        pytest.param('<Integer Name="A"><pIndex pOffset="A">B</pIndex></Integer>', id="attribute"),
        pytest.param('<Group><Integer Name="A"><pValue> A\n</pValue></Integer></Group>', id="group and blanks"),
        pytest.param('<Integer Name="A"><pValue><![CDATA[A]]></pValue></Integer>', id="character data"),
        pytest.param('<Integer Name="A"><pValue>&#65;<!-- --></pValue></Integer>', id="character reference"),
        pytest.param('<IntReg Name="A"><IntSwissKnife><pVariable>A</pVariable></IntSwissKnife></IntReg>', id="within"),
        pytest.param('<StructReg><pAddress>A</pAddress><StructEntry Name="A"/></StructReg>', id="part of a register"),
        pytest.param('<Integer Name="A"/><Integer Name="A"><pValue>A</pValue></Integer>', id="twice"),
        pytest.param('<Category Name="A"><pFeature>A</pFeature></Category>', id="category"),
    ],
)
def test_no_way_of_writing_it_hides_a_cycle(elements: str) -> None:
    assert "A refers to itself: A > A." in refusal(elements)


@pytest.mark.parametrize(
    "elements",
    [
        pytest.param(
            integer("Width", to("pSelected", "Width"), to("pInvalidator", "Width"), to("pError", "Width")), id="names"
        ),
        pytest.param(integer("A", to("pIsLocked", "B")) + integer("B", to("pIsAvailable", "A")), id="access"),
        pytest.param(
            integer("Width", to("pMax", "WidthLeft"))
            + integer("OffsetX", to("pMax", "OffsetLeft"))
            + f'<IntSwissKnife Name="WidthLeft">{to("pVariable", "OffsetX")}</IntSwissKnife>'
            + f'<IntSwissKnife Name="OffsetLeft">{to("pVariable", "Width")}</IntSwissKnife>',
            id="limits of each other",
        ),
        pytest.param(
            '<Enumeration Name="Source"><EnumEntry Name="Gain"/><pValue>Gain</pValue></Enumeration>', id="entry"
        ),
        pytest.param(integer("A", *[to("pVariable", "B")] * 50) + integer("B"), id="one many times"),
        pytest.param(integer("A", to("pValue", "NotThere")), id="nobody"),
    ],
)
def test_what_points_back_without_being_evaluated_is_legal(elements: str) -> None:
    check(elements)


def test_absurd_nesting_is_refused() -> None:
    def chain(length: int, *, twice: bool = False) -> list[str]:
        return [integer(f"N{n}", *[to("pVariable", f"N{n + 1}")] * (1 + twice)) for n in range(length)]

    check(*chain(MOST_DEEP - 10))
    assert "refers to too many others" in refusal(*chain(20_000))
    assert "refers to too many others" in refusal(*chain(64, twice=True))


def test_what_is_no_whole_xml_is_refused_and_padding_is_not() -> None:
    with pytest.raises(CameraError, match="is not XML"):
        check_description(b'<RegisterDescription><Integer Name="A">', "10.0.0.9")
    check_description(description().encode() + bytes(7), "10.0.0.9")


@pytest.mark.link
@pytest.mark.skipif(aravis_library.missing() is not None, reason=str(aravis_library.missing() or "libaravis is there"))
def test_such_a_camera_is_refused_before_a_feature_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    # The library would read the name of the vendor at once, and end the process.
    text = re.sub(
        r"(Name=\"DeviceVendorName\".*?)<Address>.*?</Address>", r"\1<pAddress>Width</pAddress>", description()
    )
    text = text.replace("<pValue>WidthReg</pValue>", "<pValue>Width</pValue>")
    monkeypatch.setattr(registers, "description", lambda: text)
    with device(pictures(1), loopback(65)) as served:
        camera = AravisCamera(loopback(65))
        with pytest.raises(CameraError, match="Width refers to itself"):
            camera.open()
        camera.close()
        assert served.registers.number(registers.CONTROL_PRIVILEGE) == 0
