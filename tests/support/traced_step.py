"""The token step of compiled decoding as torch.compile traces it, with torch's own kernels."""

import torch
from score.sampling import compiled


def trace_steps(monkeypatch) -> list:
    """Have no compiler and no minutes spent on it; the list that the graphs it traces go to."""
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    torch._dynamo.reset()
    step = torch.compile(compiled._token_step, backend=backend, fullgraph=True, dynamic=False)
    monkeypatch.setitem(compiled._STEPS, "cpu", step)
    monkeypatch.setattr(compiled, "_CACHES", type(compiled._CACHES)())
    return graphs
