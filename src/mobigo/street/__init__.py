"""Streets as data: nodes, edges, restrictions; walking, cycling and driving over them."""
