"""A few vehicles' routes, rearranged by OR-Tools; the one door to that library.

OR-Tools holds Python's lock while it searches, and is native code: this module works in a process of its own, which
takes problems and gives routes as lines of JSON (`ondemand.solver`).

What is modelled is what `ondemand.dispatch` means by a feasible run: service times between bounds, a span between any
two stops, pick-up before drop-off in the same vehicle, longest rides, what fits together into it, and breaks with
nobody aboard. The answer is a proposal: `ondemand.reoptimise` works its times out anew and checks it before taking it.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from ortools.constraint_solver import pywrapcp, routing_enums_pb2

from mobigo.ondemand.solver import read_problem

if TYPE_CHECKING:
    from mobigo.ondemand.solver import Problem


def solve(problem: Problem) -> list[list[int]] | None:
    """Search for cheaper routes, beginning with those that are; None when these do not fit the model."""
    if any(first > last for first, last in zip(problem.earliest, problem.latest, strict=True)):
        return None
    count = len(problem.drive)
    manager = pywrapcp.RoutingIndexManager(
        count, len(problem.routes), [one.start for one in problem.routes], [one.end for one in problem.routes]
    )
    model = pywrapcp.RoutingModel(manager)
    index = [manager.NodeToIndex(node) for node in range(count)]
    ends = {one.end for one in problem.routes} | {one.start for one in problem.routes}
    stops = [node for node in range(count) if node not in ends]
    cost = [[problem.drive_cost * seconds for seconds in row] for row in problem.drive]
    model.SetArcCostEvaluatorOfAllVehicles(model.RegisterTransitMatrix(cost))
    _add_time(model, problem, index, stops)
    _add_pairs(model, problem, index)
    _add_room(model, problem, index)
    for node in stops:
        model.VehicleVar(index[node]).SetValues(list(problem.allowed[node]))
    parameters = pywrapcp.DefaultRoutingSearchParameters()
    parameters.time_limit.FromMilliseconds(problem.milliseconds)
    parameters.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    operators = parameters.local_search_operators
    for name in ("use_path_lns", "use_global_cheapest_insertion_close_nodes_lns", "use_relocate_neighbors"):
        setattr(operators, name, 3)  # OptionalBoolean BOOL_TRUE
    model.CloseModelWithParameters(parameters)
    present = model.ReadAssignmentFromRoutes([[index[node] for node in one.nodes] for one in problem.routes], False)
    if present is None:
        return None
    found = model.SolveFromAssignmentWithParameters(present, parameters)
    if found is None:
        return None
    return [_read(model, manager, found, number) for number in range(len(problem.routes))]


def _add_time(model: pywrapcp.RoutingModel, problem: Problem, index: list[int], stops: list[int]) -> None:
    horizon = max(problem.latest) + 1
    span = [[min(seconds, horizon) for seconds in row] for row in problem.span]
    model.AddDimension(model.RegisterTransitMatrix(span), horizon, horizon, False, "time")
    time = model.GetDimensionOrDie("time")
    for node in stops:
        time.CumulVar(index[node]).SetRange(problem.earliest[node], problem.latest[node])
    for number, route in enumerate(problem.routes):
        time.CumulVar(model.Start(number)).SetRange(problem.earliest[route.start], problem.latest[route.start])
        time.CumulVar(model.End(number)).SetRange(problem.earliest[route.end], problem.latest[route.end])
    for node, second in problem.late:
        time.SetCumulVarSoftUpperBound(index[node], second, 1)


def _add_pairs(model: pywrapcp.RoutingModel, problem: Problem, index: list[int]) -> None:
    time, solver = model.GetDimensionOrDie("time"), model.solver()
    for pickup, drop_off, longest in problem.pairs:
        here, there = index[pickup], index[drop_off]
        model.AddPickupAndDelivery(here, there)
        solver.Add(model.VehicleVar(here) == model.VehicleVar(there))
        solver.Add(time.CumulVar(here) <= time.CumulVar(there))
        solver.Add(time.CumulVar(there) - time.CumulVar(here) <= longest)


def _add_room(model: pywrapcp.RoutingModel, problem: Problem, index: list[int]) -> None:
    for row in range(len(problem.routes[0].room.weights)):
        registered: dict[tuple[int, ...], int] = {}
        for one in problem.routes:
            weights = one.room.weights[row]
            if weights not in registered:
                sums = [_weigh(weights, load) for load in problem.loads]
                registered[weights] = model.RegisterUnaryTransitVector(sums)
        callbacks = [registered[one.room.weights[row]] for one in problem.routes]
        bounds = [one.room.bounds[row] for one in problem.routes]
        name = f"room {row}"
        model.AddDimensionWithVehicleTransitAndCapacity(callbacks, 0, bounds, False, name)
        room = model.GetDimensionOrDie(name)
        for number, one in enumerate(problem.routes):
            room.CumulVar(model.Start(number)).SetValue(_weigh(one.room.weights[row], one.aboard))
    if problem.breaks:
        riders = [0] * len(problem.loads)
        for pickup, drop_off, _ in problem.pairs:
            riders[pickup], riders[drop_off] = 1, -1
        for node in problem.alighting:
            riders[node] = -1
        most = len(problem.loads)
        model.AddDimension(model.RegisterUnaryTransitVector(riders), 0, most, False, "riders")
        aboard = model.GetDimensionOrDie("riders")
        for number, one in enumerate(problem.routes):
            aboard.CumulVar(model.Start(number)).SetValue(one.riders)
        for node in problem.breaks:
            aboard.CumulVar(index[node]).SetValue(0)


def _weigh(weights: tuple[int, ...], load: tuple[int, ...]) -> int:
    return sum(weight * some for weight, some in zip(weights, load, strict=True))


def _read(
    model: pywrapcp.RoutingModel, manager: pywrapcp.RoutingIndexManager, found: pywrapcp.Assignment, number: int
) -> list[int]:
    nodes = []
    at = found.Value(model.NextVar(model.Start(number)))
    while not model.IsEnd(at):
        nodes.append(manager.IndexToNode(at))
        at = found.Value(model.NextVar(at))
    return nodes


def main() -> None:
    """Answer problems, one a line, until there are no more."""
    for line in sys.stdin:
        try:
            routes = solve(read_problem(line))
        except Exception:  # noqa: BLE001 - OR-Tools raises this very class when routes do not fit the model
            routes = None
        print(json.dumps(routes), flush=True)  # noqa: T201 - this is the answer


if __name__ == "__main__":
    main()
