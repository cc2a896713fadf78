"""Arrays by where they lie: a table of places hands many arrays to a kernel at the cost of one.

A place is a row of three numbers: address, length, and length of a row (0: the array has one dimension). Whoever hands
a table over keeps the arrays alive until the kernel returns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import carray, types
from numba.extending import intrinsic

from mobigo.kernels import kernel

if TYPE_CHECKING:
    from numba.core import typing
    from numba.core.base import BaseContext
    from numpy.typing import NDArray


def locate(arrays: tuple[NDArray[Any], ...]) -> NDArray[np.int64]:
    """Say where arrays lie in the memory of this process."""
    places = np.zeros((len(arrays), 3), np.int64)
    for row, array in enumerate(arrays):
        assert array.flags.c_contiguous
        places[row, 0] = array.__array_interface__["data"][0]
        places[row, 1 : 1 + array.ndim] = array.shape
    return places


@intrinsic
def _pointer(_typing: typing.Context, _address: types.Type) -> tuple[object, object]:
    """Take a number for the address it is."""

    def generate(
        context: BaseContext, builder: ir.IRBuilder, _signature: typing.Signature, arguments: list[ir.Value]
    ) -> ir.Value:
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.int64), generate


@intrinsic
def address_of(_typing: typing.Context, array: types.Type) -> tuple[object, object]:
    """Say where an array begins."""

    def generate(
        context: BaseContext, builder: ir.IRBuilder, signature: typing.Signature, arguments: list[ir.Value]
    ) -> ir.Value:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.ptrtoint(data, ir.IntType(64))

    return types.int64(array), generate


def _place(builder: ir.IRBuilder, address: ir.Value, index: ir.Value, bits: int) -> ir.Value:
    pointer = builder.inttoptr(address, ir.PointerType(ir.IntType(bits)))
    return builder.gep(pointer, [index])


@intrinsic
def int32_at(_typing: typing.Context, _address: types.Type, _index: types.Type) -> tuple[object, object]:
    """Read an int32: an array's element, without its shape, which costs where there are many arrays."""

    def generate(
        _context: BaseContext, builder: ir.IRBuilder, _signature: typing.Signature, arguments: list[ir.Value]
    ) -> ir.Value:
        return builder.sext(builder.load(_place(builder, arguments[0], arguments[1], 32)), ir.IntType(64))

    return types.int64(types.int64, types.int64), generate


@intrinsic
def int64_at(_typing: typing.Context, _address: types.Type, _index: types.Type) -> tuple[object, object]:
    """Read an int64 likewise."""

    def generate(
        _context: BaseContext, builder: ir.IRBuilder, _signature: typing.Signature, arguments: list[ir.Value]
    ) -> ir.Value:
        return builder.load(_place(builder, arguments[0], arguments[1], 64))

    return types.int64(types.int64, types.int64), generate


@intrinsic
def uint16_at(_typing: typing.Context, _address: types.Type, _index: types.Type) -> tuple[object, object]:
    """Read a uint16 likewise."""

    def generate(
        _context: BaseContext, builder: ir.IRBuilder, _signature: typing.Signature, arguments: list[ir.Value]
    ) -> ir.Value:
        return builder.zext(builder.load(_place(builder, arguments[0], arguments[1], 16)), ir.IntType(64))

    return types.int64(types.int64, types.int64), generate


@intrinsic
def put_int32(
    _typing: typing.Context, _address: types.Type, _index: types.Type, _value: types.Type
) -> tuple[object, object]:
    """Write an int32 likewise."""

    def generate(
        context: BaseContext, builder: ir.IRBuilder, _signature: typing.Signature, arguments: list[ir.Value]
    ) -> ir.Value:
        builder.store(builder.trunc(arguments[2], ir.IntType(32)), _place(builder, arguments[0], arguments[1], 32))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@intrinsic
def prefetch(_typing: typing.Context, _address: types.Type, _index: types.Type) -> tuple[object, object]:
    """Have an int32 brought nearer that will soon be read."""

    def generate(
        context: BaseContext, builder: ir.IRBuilder, _signature: typing.Signature, arguments: list[ir.Value]
    ) -> ir.Value:
        pointer, word = ir.PointerType(ir.IntType(8)), ir.IntType(32)
        function = builder.module.declare_intrinsic(
            "llvm.prefetch", [pointer], ir.FunctionType(ir.VoidType(), [pointer, word, word, word])
        )
        for_reading, near, of_data = (ir.Constant(word, number) for number in (0, 3, 1))
        place = builder.bitcast(_place(builder, arguments[0], arguments[1], 32), pointer)
        builder.call(function, [place, for_reading, near, of_data])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@kernel
def integers(place: NDArray[np.int64]) -> NDArray[np.int32]:
    """Find an array of int32 again."""
    return carray(_pointer(place[0]), (place[1],), np.int32)  # type: ignore[no-any-return]


@kernel
def long_integers(place: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find an array of int64 again."""
    return carray(_pointer(place[0]), (place[1],), np.int64)  # type: ignore[no-any-return]


@kernel
def short_integers(place: NDArray[np.int64]) -> NDArray[np.uint16]:
    """Find an array of uint16 again."""
    return carray(_pointer(place[0]), (place[1],), np.uint16)  # type: ignore[no-any-return]


@kernel
def small_integers(place: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Find an array of uint8 again."""
    return carray(_pointer(place[0]), (place[1],), np.uint8)  # type: ignore[no-any-return]


@kernel
def table_of_integers(place: NDArray[np.int64]) -> NDArray[np.int32]:
    """Find a table of int32 again."""
    return carray(_pointer(place[0]), (place[1], place[2]), np.int32)  # type: ignore[no-any-return]


@kernel
def table_of_long_integers(place: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find a table of int64 again."""
    return carray(_pointer(place[0]), (place[1], place[2]), np.int64)  # type: ignore[no-any-return]


@kernel
def table_of_short_integers(place: NDArray[np.int64]) -> NDArray[np.uint16]:
    """Find a table of uint16 again."""
    return carray(_pointer(place[0]), (place[1], place[2]), np.uint16)  # type: ignore[no-any-return]


@kernel
def table_of_small_integers(place: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Find a table of uint8 again."""
    return carray(_pointer(place[0]), (place[1], place[2]), np.uint8)  # type: ignore[no-any-return]
