"""The inner loops of the Numba backend of `tensor_product`, written in vectors of channels.

LLVM turns a loop over channels into vector instructions only if that loop is innermost; here the loop over edges has
to be, so that sums stay in registers. So these three loops are emitted as vector code: Numba calls them like functions
and compiles and caches them with the loops around them. One version per degree of the filter, for all plans and widths.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

_FEATURES = llvmlite.binding.get_host_cpu_features()
VECTOR_BYTES = 64 if _FEATURES.get("avx512f") else 32 if _FEATURES.get("avx2") else 16
INDEX = ir.IntType(64)


def lanes_of(itemsize: int) -> int:
    """Return how many numbers a vector holds."""
    return VECTOR_BYTES // itemsize


class Vectors:
    """What a loop body is written with: vectors of `lanes` channels from arrays given by address and offset."""

    def __init__(self, builder: Any, scalar: ir.Type, lanes: int):
        self.builder, self.scalar, self.lanes = builder, scalar, lanes
        self.type = ir.VectorType(scalar, lanes)
        self.align = 4 if isinstance(scalar, ir.FloatType) else 8

    def _place(self, address: Any, *offsets: Any) -> Any:
        for offset in offsets:
            address = self.builder.gep(address, [offset])
        return self.builder.bitcast(address, self.type.as_pointer())

    def load(self, address: Any, *offsets: Any) -> Any:
        return self.builder.load(self._place(address, *offsets), align=self.align)

    def store(self, value: Any, address: Any, *offsets: Any) -> None:
        self.builder.store(value, self._place(address, *offsets), align=self.align)

    def splat(self, number: Any) -> Any:
        one = self.builder.insert_element(ir.Constant(self.type, ir.Undefined), number, ir.Constant(INDEX, 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(one, ir.Constant(self.type, ir.Undefined), zeros)

    def zeros(self, count: int) -> list[Any]:
        """Return `count` variables that hold zero; LLVM keeps them in registers."""
        found = [cgutils.alloca_once(self.builder, self.type) for _ in range(count)]
        for variable in found:
            self.builder.store(ir.Constant(self.type, [0.0] * self.lanes), variable)
        return found

    def add_product(self, variable: Any, a: Any, b: Any) -> None:
        """variable += a b, fused where the machine can."""
        flags = ("contract",)
        total = self.builder.fadd(self.builder.load(variable), self.builder.fmul(a, b, flags=flags), flags=flags)
        self.builder.store(total, variable)


@contextmanager
def loop(builder: Any, start: Any, stop: Any, step: int = 1) -> Iterator[Any]:
    """for index in range(start, stop, step)."""
    with cgutils.for_range_slice(builder, start, stop, ir.Constant(INDEX, step), INDEX) as (index, _):
        yield index


def channels(
    builder: Any, scalar: ir.Type, count: Any, body: Callable[[list[Vectors], list[Any]], None], together: int = 2
) -> None:
    """Emit `body(vectors, offsets)` for `count` channels: `together` vectors at a time, half a one, then one by one."""
    whole = lanes_of(4 if isinstance(scalar, ir.FloatType) else 8)
    start: Any = ir.Constant(INDEX, 0)
    for lanes, many in ((whole, together), (whole // 2, 1), (1, 1)):
        step = ir.Constant(INDEX, lanes * many)
        stop = builder.add(start, builder.mul(builder.sdiv(builder.sub(count, start), step), step))
        with loop(builder, start, stop, lanes * many) as u:
            body(
                [Vectors(builder, scalar, lanes) for _ in range(many)],
                [builder.add(u, ir.Constant(INDEX, lanes * part)) for part in range(many)],
            )
        start = stop


def by_degree(builder: Any, degrees: int, degree: Any, emit: Callable[[int], None]) -> None:
    """Emit `emit(2 l + 1)` for each degree l below `degrees`, and the choice among them."""
    end = builder.append_basic_block("end")
    choice = builder.switch(degree, end)
    for found in range(degrees):
        block = builder.append_basic_block(f"degree{found}")
        choice.add_case(ir.Constant(degree.type, found), block)
        builder.position_at_end(block)
        emit(2 * found + 1)
        builder.branch(end)
    builder.position_at_end(end)


def _unpack(context: Any, builder: Any, signature: Any, values: Any) -> list[Any]:
    """Arrays become addresses, whole numbers 64 bits wide; tuples are dropped, they only carry a type."""
    found = []
    for kind, value in zip(signature.args, values):
        if isinstance(kind, types.Array):
            found.append(context.make_array(kind)(context, builder, value).data)
        elif isinstance(kind, types.Integer | types.Boolean):
            found.append(context.cast(builder, value, kind, types.int64))
        elif not isinstance(kind, types.BaseTuple):
            found.append(value)
    return found


@intrinsic
def sum_products(
    typing: Any, degrees: Any, degree: Any, first: Any, last: Any, index: Any, slot: Any, x: Any, x_row: Any,
    x_start: Any, x_step: Any, size: Any, y: Any, y_row: Any, y_start: Any, w: Any, w_row: Any, w_start: Any,
    count: Any, sums: Any,
):  # fmt: skip
    """sums[i, j, u] = sum over first <= k < last of w[e, u] x[s, i, u] y[e, j], with s = index[k], e = slot[k].

    Here x[s, i, u] = x[s x_row + x_start + i x_step + u] for i < size and u < count, y[e, j] = y[e y_row + y_start + j]
    for j <= 2 degree, and w[e, u] = w[e w_row + w_start + u]. The length of `degrees` says which degrees there are.
    """
    arguments = (degrees, degree, first, last, index, slot, x, x_row, x_start, x_step, size, y, y_row, y_start, w,
                 w_row, w_start, count, sums)  # fmt: skip
    scalar = ir.FloatType() if x.dtype == types.float32 else ir.DoubleType()

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        (degree, first, last, index, slot, x, x_row, x_start, x_step, size, y, y_row, y_start, w, w_row, w_start, count,
         sums) = _unpack(context, builder, signature, values)  # fmt: skip
        zero = ir.Constant(INDEX, 0)

        def emit(width: int) -> None:
            def body(vectors: list[Vectors], offsets: list[Any]) -> None:
                with loop(builder, zero, size) as i:
                    totals = [v.zeros(width) for v in vectors]
                    row = builder.add(x_start, builder.mul(i, x_step))
                    with loop(builder, first, last) as k:
                        s, e = (builder.sext(builder.load(builder.gep(end, [k])), INDEX) for end in (index, slot))
                        own, weight = (
                            builder.add(builder.mul(s, x_row), row),
                            builder.add(builder.mul(e, w_row), w_start),
                        )
                        filters = builder.gep(y, [builder.add(builder.mul(e, y_row), y_start)])
                        products = [
                            builder.fmul(v.load(x, own, u), v.load(w, weight, u)) for v, u in zip(vectors, offsets)
                        ]
                        for j in range(width):
                            number = builder.load(builder.gep(filters, [ir.Constant(INDEX, j)]))
                            for v, product, total in zip(vectors, products, totals):
                                v.add_product(total[j], product, v.splat(number))
                    for v, u, total in zip(vectors, offsets, totals):
                        for j in range(width):
                            pair = builder.add(builder.mul(i, ir.Constant(INDEX, width)), ir.Constant(INDEX, j))
                            v.store(builder.load(total[j]), sums, builder.mul(pair, count), u)

            channels(builder, scalar, count, body)

        by_degree(builder, len(signature.args[0]), degree, emit)
        return context.get_dummy_value()

    return types.void(*arguments), codegen


@intrinsic
def edge_products(
    typing: Any, degrees: Any, degree: Any, first: Any, last: Any, index: Any, x: Any, x_row: Any, x_start: Any,
    x_step: Any, size: Any, y: Any, y_row: Any, y_start: Any, w: Any, w_row: Any, w_start: Any, count: Any,
    sums: Any, dx: Any, with_x: Any, dy: Any, dw: Any,
):  # fmt: skip
    """The derivatives of Σ w[e, u] x[s, i, u] y[e, j] sums[i, j, u] in x, y and w, for each edge first <= e < last.

    Those in w are stored, those in x are added to dx[s] (only if `with_x`), and those in y to dy[e - first, j, :], a
    vector of partial sums. The rest is as in `sum_products`, with e = k.
    """
    arguments = (degrees, degree, first, last, index, x, x_row, x_start, x_step, size, y, y_row, y_start, w, w_row,
                 w_start, count, sums, dx, with_x, dy, dw)  # fmt: skip
    scalar = ir.FloatType() if x.dtype == types.float32 else ir.DoubleType()

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        (degree, first, last, index, x, x_row, x_start, x_step, size, y, y_row, y_start, w, w_row, w_start, count, sums,
         dx, with_x, dy, dw) = _unpack(context, builder, signature, values)  # fmt: skip
        zero, whole = ir.Constant(INDEX, 0), ir.Constant(INDEX, lanes_of(4 if isinstance(scalar, ir.FloatType) else 8))
        wanted = builder.icmp_signed("!=", with_x, zero)

        def emit(width: int) -> None:
            with loop(builder, first, last) as e:
                s = builder.sext(builder.load(builder.gep(index, [e])), INDEX)
                start = builder.add(builder.mul(s, x_row), x_start)
                weight = builder.add(builder.mul(e, w_row), w_start)
                filters = builder.gep(y, [builder.add(builder.mul(e, y_row), y_start)])
                numbers = [builder.load(builder.gep(filters, [ir.Constant(INDEX, j)])) for j in range(width)]
                slopes = builder.add(builder.mul(builder.sub(e, first), y_row), y_start)
                slopes = builder.gep(dy, [builder.mul(slopes, whole)])

                def body(vectors: list[Vectors], offsets: list[Any]) -> None:
                    both = list(zip(vectors, offsets))
                    weights = [v.load(w, weight, u) for v, u in both]
                    totals = [v.zeros(width) for v in vectors]
                    with loop(builder, zero, size) as i:
                        row = builder.add(start, builder.mul(i, x_step))
                        pair = builder.mul(builder.mul(i, ir.Constant(INDEX, width)), count)
                        pairs = [builder.add(pair, builder.mul(ir.Constant(INDEX, j), count)) for j in range(width)]
                        coupled = [[v.load(sums, pair, u) for pair in pairs] for v, u in both]
                        for (v, u), total, parts in zip(both, totals, coupled):
                            feature = v.load(x, row, u)
                            for variable, part in zip(total, parts):
                                v.add_product(variable, feature, part)
                        with builder.if_then(wanted):
                            for (v, u), own, parts in zip(both, weights, coupled):
                                message, slope = v.zeros(2)
                                for number, part in zip(numbers, parts):
                                    v.add_product(message, part, v.splat(number))
                                builder.store(v.load(dx, row, u), slope)
                                v.add_product(slope, builder.load(message), own)
                                v.store(builder.load(slope), dx, row, u)
                    found = vectors[0].zeros(width)
                    for (v, u), total, own in zip(both, totals, weights):
                        (slope,) = v.zeros(1)
                        for number, variable, part in zip(numbers, found, total):
                            v.add_product(slope, builder.load(part), v.splat(number))
                            v.add_product(variable, builder.load(part), own)
                        v.store(builder.load(slope), dw, weight, u)
                    for j, variable in enumerate(found):
                        place = builder.mul(ir.Constant(INDEX, j), whole)
                        before = vectors[0].load(slopes, place)
                        vectors[0].store(builder.fadd(before, builder.load(variable)), slopes, place)

                channels(builder, scalar, count, body)

        by_degree(builder, len(signature.args[0]), degree, emit)
        return context.get_dummy_value()

    return types.void(*arguments), codegen


@intrinsic
def edge_second(
    typing: Any, degrees: Any, degree: Any, first: Any, last: Any, index: Any, x: Any, x_row: Any, x_start: Any,
    x_step: Any, size: Any, y: Any, y_row: Any, y_start: Any, w: Any, w_row: Any, w_start: Any, count: Any,
    sums: Any, a: Any, b: Any, c: Any, totals: Any, dx: Any, dy: Any, dw: Any,
):  # fmt: skip
    """The derivatives of D = Σ (w a y + w x b + c x y)[s, e, i, j, u] sums[i, j, u] in x, y, w and sums.

    Those in sums are added to `totals[i, j, u]`; the others go where `edge_products` puts them. The arrays a, b, c lie
    as x, y, w. With z = w b + c y per edge, channel and j, one visit of each (i, j) serves all four.
    """
    arguments = (degrees, degree, first, last, index, x, x_row, x_start, x_step, size, y, y_row, y_start, w, w_row,
                 w_start, count, sums, a, b, c, totals, dx, dy, dw)  # fmt: skip
    scalar = ir.FloatType() if x.dtype == types.float32 else ir.DoubleType()

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        (degree, first, last, index, x, x_row, x_start, x_step, size, y, y_row, y_start, w, w_row, w_start, count, sums,
         a, b, c, totals, dx, dy, dw) = _unpack(context, builder, signature, values)  # fmt: skip
        zero, whole = ir.Constant(INDEX, 0), ir.Constant(INDEX, lanes_of(4 if isinstance(scalar, ir.FloatType) else 8))

        def emit(width: int) -> None:
            steps = [ir.Constant(INDEX, j) for j in range(width)]
            with loop(builder, first, last) as e:
                s = builder.sext(builder.load(builder.gep(index, [e])), INDEX)
                start = builder.add(builder.mul(s, x_row), x_start)
                weight = builder.add(builder.mul(e, w_row), w_start)
                place = builder.add(builder.mul(e, y_row), y_start)
                filters, turns = (
                    [builder.load(builder.gep(of, [builder.add(place, step)])) for step in steps] for of in (y, b)
                )
                slopes = builder.add(builder.mul(builder.sub(e, first), y_row), y_start)
                slopes = builder.gep(dy, [builder.mul(slopes, whole)])

                def body(vectors: list[Vectors], offsets: list[Any]) -> None:
                    (v,), (u,) = vectors, offsets
                    own, other = v.load(w, weight, u), v.load(c, weight, u)
                    mixed = v.zeros(width)
                    for total, number, turn in zip(mixed, filters, turns):
                        v.add_product(total, own, v.splat(turn))
                        v.add_product(total, other, v.splat(number))
                    mixed = [builder.load(total) for total in mixed]
                    alone = [builder.fmul(own, v.splat(number)) for number in filters]
                    by_x, by_a = v.zeros(width), v.zeros(width)
                    with loop(builder, zero, size) as i:
                        row = builder.add(start, builder.mul(i, x_step))
                        pair = builder.mul(builder.mul(i, ir.Constant(INDEX, width)), count)
                        feature, turned, (slope,) = v.load(x, row, u), v.load(a, row, u), v.zeros(1)
                        builder.store(v.load(dx, row, u), slope)
                        for j, step in enumerate(steps):
                            at = builder.add(pair, builder.mul(step, count))
                            part, (total,) = v.load(sums, at, u), v.zeros(1)
                            v.add_product(by_x[j], feature, part)
                            v.add_product(by_a[j], turned, part)
                            v.add_product(slope, mixed[j], part)
                            builder.store(v.load(totals, at, u), total)
                            v.add_product(total, feature, mixed[j])
                            v.add_product(total, turned, alone[j])
                            v.store(builder.load(total), totals, at, u)
                        v.store(builder.load(slope), dx, row, u)
                    (change,) = v.zeros(1)
                    for j, step in enumerate(steps):
                        first_part, second_part = builder.load(by_x[j]), builder.load(by_a[j])
                        v.add_product(change, first_part, v.splat(turns[j]))
                        v.add_product(change, second_part, v.splat(filters[j]))
                        (total,), at = v.zeros(1), builder.mul(step, whole)
                        builder.store(v.load(slopes, at), total)
                        v.add_product(total, first_part, other)
                        v.add_product(total, second_part, own)
                        v.store(builder.load(total), slopes, at)
                    v.store(builder.load(change), dw, weight, u)

                channels(builder, scalar, count, body, 1)

        by_degree(builder, len(signature.args[0]), degree, emit)
        return context.get_dummy_value()

    return types.void(*arguments), codegen


@intrinsic
def add_multiple(typing: Any, out: Any, out_start: Any, x: Any, x_start: Any, factor: Any, count: Any):
    """out[out_start + u] += factor x[x_start + u] for u < count."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        out, out_start, x, x_start, factor, count = _unpack(context, builder, signature, values)

        def body(vectors: list[Vectors], offsets: list[Any]) -> None:
            for v, u in zip(vectors, offsets):
                total = v.zeros(1)[0]
                builder.store(v.load(out, out_start, u), total)
                v.add_product(total, v.load(x, x_start, u), v.splat(factor))
                v.store(builder.load(total), out, out_start, u)

        channels(builder, factor.type, count, body)
        return context.get_dummy_value()

    return types.void(out, out_start, x, x_start, factor, count), codegen
