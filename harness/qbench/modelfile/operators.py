"""Operators of a .tflite file: what they are, what they read and write, their MACs."""

from __future__ import annotations

from typing import NamedTuple

from qbench.modelfile.file import FileBytes
from qbench.modelfile.flatbuffer import Table
from qbench.modelfile.macs import LEFT_OUT, Shape, count_macs, wrong_shapes
from qbench.modelfile.options import read_options
from qbench.modelfile.schema import (
    BUILTIN_OPERATORS,
    CUSTOM,
    ModelSlot,
    OperatorCodeSlot,
    OperatorSlot,
)
from qbench.records import OpInfo, TensorInfo

# Operators whose output sizes depend on values, so that they are known only when they run.
_DATA_DEPENDENT = frozenset(
    {
        "CUSTOM",
        "NON_MAX_SUPPRESSION_V4",
        "NON_MAX_SUPPRESSION_V5",
        "RANGE",
        "SPARSE_TO_DENSE",
        "UNIQUE",
        "WHERE",
    }
)


class Opcode(NamedTuple):
    name: str
    custom_name: str | None
    version: int


def read_opcodes(file: FileBytes, model: Table) -> list[Opcode]:
    """The kinds of operators that a model uses; an operator names one by its number."""
    opcodes = []
    for index, table in enumerate(model.tables(ModelSlot.OPERATOR_CODES)):
        file.where = ("operator code", index)
        # A code above 127 does not fit the old int8 field, which then holds a place holder.
        code = max(
            table.signed(OperatorCodeSlot.DEPRECATED_BUILTIN_CODE, 1),
            table.signed(OperatorCodeSlot.BUILTIN_CODE, 4),
        )
        if not 0 <= code < len(BUILTIN_OPERATORS):
            file.bad(f"builtin operator {code} is not known", hint="damaged, or for a newer TFLite")
        custom = table.text(OperatorCodeSlot.CUSTOM_CODE) if code == CUSTOM else None
        version = table.signed(OperatorCodeSlot.VERSION, 4, 1)
        opcodes.append(Opcode(BUILTIN_OPERATORS[code], custom, version))
    return opcodes


def check_indices(
    file: FileBytes, what: str, indices: tuple[int, ...], lowest: int, count: int
) -> tuple[int, ...]:
    """The indices, after a look that each is at least `lowest` and below `count`."""
    for index in indices:
        if not lowest <= index < count:
            file.bad(f"{what} is tensor {index}, there are {count}")
    return indices


class OperatorReader:
    """Reads the operators of one subgraph, in their order.

    `unknown` grows to all tensors whose shape is not known before the model runs. A -1 in a
    shape that comes from the model's inputs (a free batch size) is known: the file's `shape` is
    what the runtime allocates. A -1 that comes from the values of tensors is not.
    `ranks_told`: see TensorReader.tensor.
    """

    def __init__(
        self,
        file: FileBytes,
        opcodes: list[Opcode],
        tensors: list[TensorInfo],
        *,
        ranks_told: bool,
    ) -> None:
        self._file = file
        self._opcodes = opcodes
        self._tensors = tensors
        self._ranks_told = ranks_told
        self._read_by: dict[int, int] = {}  # tensors not written so far -> their first reader
        self._written: set[int] = set()
        self.unknown = {
            t.index for t in tensors if t.is_dynamic and (t.nbytes is None or -1 in t.shape)
        }

    def operator(self, index: int, table: Table) -> OpInfo:
        number = table.unsigned(OperatorSlot.OPCODE_INDEX, 4)
        if number >= len(self._opcodes):
            self._file.bad(f"operator code {number} does not exist, there are {len(self._opcodes)}")
        name, custom_name, version = self._opcodes[number]
        count = len(self._tensors)
        inputs = check_indices(self._file, "input", table.ints(OperatorSlot.INPUTS), -1, count)
        outputs = check_indices(self._file, "output", table.ints(OperatorSlot.OUTPUTS), 0, count)
        self._check_order(index, inputs, outputs)
        self._spread_unknown(name, inputs, outputs)
        options = read_options(name, table)
        input_shapes = [self._shape(i) for i in inputs]
        output_shapes = [self._shape(i) for i in outputs]
        wrong = wrong_shapes(name, inputs, input_shapes, output_shapes)
        if wrong is not None:
            self._file.bad(f"{name}: {wrong}")
        return OpInfo(
            index=index,
            name=name,
            version=version,
            inputs=inputs,
            outputs=outputs,
            macs=count_macs(name, custom_name, options, input_shapes, output_shapes),
            options=options,
            custom_name=custom_name,
        )

    def _spread_unknown(self, name: str, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> None:
        depends_on_data = name in _DATA_DEPENDENT
        if depends_on_data or not self.unknown.isdisjoint(inputs):
            for i in outputs:
                tensor = self._tensors[i]
                # In a file that does not tell ranks, no shape is a scalar's or an unknown one.
                unranked = depends_on_data and not self._ranks_told and not tensor.shape
                if tensor.is_dynamic or unranked:
                    self.unknown.add(i)

    def _shape(self, index: int) -> Shape | None:
        if index < 0:
            return LEFT_OUT
        return None if index in self.unknown else self._tensors[index].shape

    def _check_order(self, index: int, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> None:
        """An operator reads only what earlier ones have written. State lives from run to run."""
        for i in inputs:
            if i not in self._written:
                self._read_by.setdefault(i, index)
        for i in outputs:
            if i not in self._written:
                self._written.add(i)
                reader = self._read_by.pop(i, None)
                if reader is not None and not self._tensors[i].is_variable:
                    self._file.bad(f"writes tensor {i}, which operator {reader} reads before that")
