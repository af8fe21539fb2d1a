"""Names of classes: from the exporter's metadata, or from a card beside the file."""

from __future__ import annotations

import json

import pytest

from aoi_app.core.errors import ModelError
from aoi_app.inference.card import card_path
from aoi_app.inference.model import read_model

from .conftest import MakeOnnx
from .exported import COCO, V8, zeros


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{0: 'open', 1: 'short'}", ("open", "short")),
        ('{"0": "open", "1": "short"}', ("open", "short")),
        ("{1: 'short', 0: 'open'}", ("open", "short")),
        ("['open', 'short']", ("open", "short")),
        ('["open", "short"]', ("open", "short")),
        ("open, short", ("open", "short")),
        ("open\nshort\n", ("open", "short")),
        ("{0: 'd\\'or', 1: '短路'}", ("d'or", "短路")),
        ("0: open\n1: short\n", ("open", "short")),
        ("1: short\n0: open", ("open", "short")),
        ("# PCB\n'0': 'd''or'  # gold\n\"1\": \"solder \\u77ed\" # bridge", ("d'or", "solder 短")),
        ("- open\n- 短路", ("open", "短路")),
        ("- spur: copper, left\n- 'no'", ("spur: copper, left", "no")),
        ("[open, 'short']", ("open", "short")),
        ("{0: open, 1: short}", ("open", "short")),
        ("0: open, 1: short", ("open", "short")),
    ],
)
def test_names_as_exporters_write_them(text: str, names: tuple[str, ...], make_onnx: MakeOnnx) -> None:
    model = read_model(make_onnx([("output0", zeros(6, 8400), (1, 6, 8400))], metadata={"names": text}))
    assert model.class_names == names


@pytest.mark.parametrize(
    "text",
    [
        "0: open\n2: short",
        "0: open\n0: short",
        "0: open\nshort",
        "0: open\n1:",
        "- open\nshort",
        "- open\n- null",
        "- open\n- [short]",
        "- open\n- 'short",
        "- open\n- *short",
        "{0: open, 1: {2: short}}",
    ],
)
def test_names_that_are_no_list_are_refused(text: str, make_onnx: MakeOnnx) -> None:
    path = make_onnx([("output0", zeros(6, 8400), (1, 6, 8400))], metadata={"names": text})
    with pytest.raises(ModelError, match="class names in the model's metadata cannot be read"):
        read_model(path)


def test_card_of_another_file_is_refused(make_onnx: MakeOnnx) -> None:
    path = make_onnx([("output0", zeros(84, 8400), (1, 84, 8400))], metadata=V8)
    card_path(path).write_text(json.dumps({"classes": list(COCO.values()), "sha256": "0" * 64}))
    with pytest.raises(ModelError, match="belongs to another file"):
        read_model(path)
    card_path(path).write_text('{"klasses": []}')
    with pytest.raises(ModelError, match="card of model"):
        read_model(path)


def test_a_card_and_the_metadata_must_name_as_many_classes(make_onnx: MakeOnnx) -> None:
    rows = zeros(300, 6)
    path = make_onnx([("output0", rows, (1, 300, 6))], metadata={**V8, "names": "{0: 'a', 1: 'b', 2: 'c'}"})
    card_path(path).write_text('{"classes": ["open"]}')
    with pytest.raises(ModelError, match="names 1 classes, its own metadata 3: a, b, c"):
        read_model(path)
    card_path(path).write_text('{"classes": ["open", "short", "spur"]}')
    assert read_model(path).class_names == ("open", "short", "spur")


def test_a_card_stands_in_for_names_that_cannot_be_read(make_onnx: MakeOnnx) -> None:
    path = make_onnx([("output0", zeros(6, 8400), (1, 6, 8400))], metadata={"names": "{0: "})
    # As editors of Windows write it, with a mark before the text.
    card_path(path).write_bytes(b'\xef\xbb\xbf{"classes": ["open", "short"]}')
    assert read_model(path).class_names == ("open", "short")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"classes": {"0": "open"}}', "classes: Input should be a valid array"),
        ('{"klasses": []}', "klasses: "),
        ('{"classes": ["open", ""]}', "classes.1: "),
        ('{"input": {"scale": 0}}', "input.scale: "),
        ('{"input": {"scale": NaN}}', "input.scale: "),
        ('{"input": {"channels": "hsv"}}', "input.channels: "),
        ("{", "Invalid JSON"),
    ],
)
def test_a_card_is_refused_by_the_field_that_is_wrong(text: str, said: str, make_onnx: MakeOnnx) -> None:
    path = make_onnx([("output0", zeros(84, 8400), (1, 84, 8400))], metadata=V8)
    card_path(path).write_text(text)
    with pytest.raises(ModelError, match="card of model") as caught:
        read_model(path)
    assert said in caught.value.what


def test_a_card_that_is_no_text_is_refused(make_onnx: MakeOnnx) -> None:
    path = make_onnx([("output0", zeros(84, 8400), (1, 84, 8400))], metadata=V8)
    card_path(path).write_bytes('{"classes": []}'.encode("utf-16"))
    with pytest.raises(ModelError, match="not UTF-8 text"):
        read_model(path)
