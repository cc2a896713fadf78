"""Which route a bus drives next: a largest assignment of routes to the schools where buses become free."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mobigo.kernels import kernel


@kernel
def link_routes(school: NDArray[np.int32], possible: NDArray[np.uint8], source: NDArray[np.int32]) -> NDArray[np.int32]:
    """Give as many routes as possible a school their bus comes from.

    Buses at a school are interchangeable, so what is assigned is a school, as often as routes end there; paths that
    reassign lengthen an assignment until it is largest.

    Parameters
    ----------
    school : int32[n_routes]
        Where the route ends.
    possible : uint8[n_routes, n_schools]
        Whether a bus from the school is in time for the route.
    source : int32[n_routes]
        A valid assignment to begin with; -1 where there is none.

    Returns
    -------
    int32[n_routes]
        School, -1 where a bus must come from the depot.
    """
    n_routes, n_schools = possible.shape
    source = source.copy()
    free = np.zeros(n_schools, np.int32)
    for r in range(n_routes):
        free[school[r]] += 1
    for r in range(n_routes):
        if source[r] >= 0:
            free[source[r]] -= 1
    came = np.empty(n_schools, np.int32)  # the route through which a school was reached
    queue = np.empty(n_schools, np.int32)
    for start in range(n_routes):
        if source[start] >= 0:
            continue
        came[:] = -1
        n_queue = at = 0
        found = -1
        for i in range(n_schools):
            if possible[start, i]:
                came[i] = start
                queue[n_queue] = i
                n_queue += 1
        while at < n_queue:
            i = queue[at]
            at += 1
            if free[i] > 0:
                found = i
                break
            for r in range(n_routes):
                if source[r] == i:
                    for j in range(n_schools):
                        if possible[r, j] and came[j] < 0:
                            came[j] = r
                            queue[n_queue] = j
                            n_queue += 1
        if found < 0:
            continue
        free[found] -= 1
        while True:
            r = came[found]
            before = source[r]
            source[r] = found
            if r == start:
                break
            found = before
    return source
