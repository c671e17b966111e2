"""What TRL's vLLM engine is told for a training: where attempts end, and which weights it samples from.

TRL merges an adapter into the frozen weights, reads them for the engine and subtracts it again, after
each update. In bfloat16 that does not lead back: after hundreds of updates the base policy, which is
also the reference of the KL, would have drifted by half of what the adapter says. Here each weight is
merged by itself, beside the frozen one.
"""

from collections.abc import Iterator

import torch

from score.sampling.stop_strings import StopIds
from score.sampling.vllm import stop_requests
from score.training.sampling_copy import layer_below, mergeable, merged

LOGPROBS_MODE = "processed_logprobs"  # of the distribution that is sampled from, at its temperature


def prepare_engine(generation, stop_ids: StopIds, mode: str) -> None:
    """Prepare TRL's VLLMGeneration. mode: colocate or server.

    ValueError where a server tells log-probabilities of another distribution than it samples from.
    """
    # TRL relies on vLLM to end an attempt, which does not know the template's end of turn.
    generation.generation_kwargs = stop_requests(stop_ids)
    policy = generation.model
    if hasattr(policy, "peft_config") and mergeable(policy):
        generation._iter_named_params = lambda: merged_weights(generation)
    client = getattr(generation, "vllm_client", None)  # of the first process alone
    if mode == "server" and client is not None and generation.temperature != 1:
        _check_logprobs(client, generation.temperature)


def _check_logprobs(client, temperature: float) -> None:
    told = client.get_server_info()["model_config"]["logprobs_mode"]
    if told != LOGPROBS_MODE:
        raise ValueError(
            f"the vLLM server runs with --logprobs-mode {told}; expected {LOGPROBS_MODE}, since at "
            f"temperature {temperature} importance ratios would be of two distributions. Start it "
            f"again with --logprobs-mode {LOGPROBS_MODE}."
        )


@torch.no_grad()
def merged_weights(generation) -> Iterator[tuple[str, torch.Tensor]]:
    """(name in vLLM, weight) of each weight that the policy has once its adapter is merged.

    Under ZeRO-3 all are gathered meanwhile, so that every process must go through all of them.
    """
    policy, seen = generation.model, set()
    with generation._dist.gather_params(list(policy.parameters())):
        for name, module in policy.get_base_model().named_modules():
            if policy.prefix in name or name.endswith(".base_layer"):
                continue
            for key, weight in layer_below(module).named_parameters(recurse=False):
                if id(weight) not in seen:  # tied weights go once
                    seen.add(id(weight))
                    value = merged(module) if key == "weight" else weight
                    yield generation._fix_param_name_to_vllm(f"{name}.{key}"), value.data
