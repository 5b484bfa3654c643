"""The tables of `schema.py` and `options.py` against the module that flatc made from schema.fbs."""

from __future__ import annotations

import inspect
import re

import msgspec
import pytest
from ai_edge_litert import schema_py_generated as generated

from qbench.modelfile import options, schema
from qbench.records import OpOptions

# `def TensorAddName(builder, name): builder.PrependUOffsetTRelativeSlot(3, ..., 0)`
_ADD = re.compile(
    r"^def (\w+?)Add(\w+)\(builder, \w+\):\s+builder\.Prepend(\w+)Slot\((\d+), .*, ([\d.-]+)\)$",
    re.MULTILINE,
)
_SCHEMA_NAMES = {
    "activation": "FusedActivationFunction",
    "dilation_h": "DilationHFactor",
    "dilation_w": "DilationWFactor",
    "filter_h": "FilterHeight",
    "filter_w": "FilterWidth",
    "in_dtype": "InDataType",
}
# ArgMax and ArgMin, Cast, Shape, Unique name their output type each in their own way.
_OUT_DTYPE_NAMES = {"OutputType", "OutDataType", "OutType", "IdxOutType"}
_PREPENDS = {"int32": "Int32", "bool": "Bool", "float32": "Float32"}
_ENUMS = {
    schema.ACTIVATIONS: generated.ActivationFunctionType,
    schema.PADDINGS: generated.Padding,
    schema.MIRROR_PAD_MODES: generated.MirrorPadMode,
    schema.WEIGHTS_FORMATS: generated.FullyConnectedOptionsWeightsFormat,
    schema.LSTM_KERNELS: generated.LSTMKernelType,
}


def _fields() -> dict[tuple[str, int], tuple[str, str, float]]:
    """{(table, slot): (field, how it is written, default)} of the whole schema."""
    found = {}
    for table, field, how, slot, default in _ADD.findall(inspect.getsource(generated)):
        found[table, int(slot)] = (field, how, float(default))
    return found


FIELDS = _fields()


def _enumerators(enum: type) -> dict[str, int]:
    return {name: code for name, code in vars(enum).items() if not name.startswith("_")}


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def test_the_schema_was_understood() -> None:
    assert len(FIELDS) > 250
    assert FIELDS["Tensor", 3] == ("Name", "UOffsetTRelative", 0)


def test_operator_names_are_the_schemas() -> None:
    expected = _enumerators(generated.BuiltinOperator)
    assert {name: i for i, name in enumerate(schema.BUILTIN_OPERATORS)} == expected


def test_tensor_types_are_the_schemas() -> None:
    expected = _enumerators(generated.TensorType)
    assert {name.upper(): i for i, name in enumerate(schema.DTYPES)} == expected


@pytest.mark.parametrize(
    ("names", "enum"), _ENUMS.items(), ids=lambda x: getattr(x, "__name__", "")
)
def test_an_enum_is_the_schemas(names: tuple[str, ...], enum: type) -> None:
    assert {name: i for i, name in enumerate(names)} == _enumerators(enum)


@pytest.mark.parametrize(
    "slots",
    [
        schema.ModelSlot,
        schema.OperatorCodeSlot,
        schema.SubGraphSlot,
        schema.TensorSlot,
        schema.QuantizationParametersSlot,
        schema.BufferSlot,
        schema.ExternalBufferSlot,
        schema.OperatorSlot,
        schema.MetadataSlot,
        schema.SignatureDefSlot,
    ],
)
def test_slots_are_the_schemas(slots: type) -> None:
    table = slots.__name__.removesuffix("Slot")
    ours = _enumerators(slots)
    assert ours
    assert {_camel(name): slot for name, slot in ours.items()} == {
        FIELDS[table, slot][0]: slot for slot in ours.values()
    }


@pytest.mark.parametrize("table", options.OPTIONS_TABLES, ids=lambda table: table.name)
def test_an_options_table_is_the_schemas(table: options.OptionsTable) -> None:
    assert getattr(generated.BuiltinOptions, table.name) == table.union_type
    for name, field in table.fields.items():
        schema_name, how, default = FIELDS[table.name, field.slot]
        if name == "out_dtype":
            assert schema_name in _OUT_DTYPE_NAMES
        else:
            assert schema_name == _SCHEMA_NAMES.get(name, _camel(name))
        if isinstance(field.kind, tuple):
            assert how == "Int8"
            assert field.kind in _ENUMS or field.kind == schema.DTYPES
        else:
            assert how == _PREPENDS[field.kind]
        assert field.default == default


def test_options_go_into_fields_that_exist() -> None:
    known = {field.name for field in msgspec.structs.fields(OpOptions)}
    used = {name for table in options.OPTIONS_TABLES for name in table.fields}
    assert used == known


def test_operators_and_options_tables_are_known_and_used() -> None:
    assert set(options.OPTIONS_OF_OPERATOR) <= set(schema.BUILTIN_OPERATORS)
    tables = [table.name for table in options.OPTIONS_TABLES]
    assert len(set(tables)) == len(tables)
    assert set(options.OPTIONS_OF_OPERATOR.values()) == set(tables)


def test_no_options_table_with_a_field_that_we_keep_is_left_out() -> None:
    """A table that has, say, a fused activation belongs into OPTIONS_TABLES."""
    kept = {_SCHEMA_NAMES.get(name, _camel(name)) for name in _option_names()} - {"OutDtype"}
    with_such = {
        table for (table, _), (field, _, _) in FIELDS.items()
        if table.endswith("Options") and field in kept | _OUT_DTYPE_NAMES
    }  # fmt: skip
    builtin = set(_enumerators(generated.BuiltinOptions))
    assert with_such & builtin - {table.name for table in options.OPTIONS_TABLES} == set()


def _option_names() -> set[str]:
    return {field.name for field in msgspec.structs.fields(OpOptions)}
