"""In place of TRL's vLLM engine: samples with transformers and tells log-probabilities."""

import torch
from score.sampling.generate import HFGenerate, sampling_config
from score.sampling.tokenizers import load_tokenizer
from score.training.batches import token_logps
from training_runs import BASE

TOKENIZER = load_tokenizer(BASE)


class StandIn:
    """In place of TRL's VLLMGeneration: samples with transformers and tells log-probabilities.

    `off`: what is added to them, as if the engine's distribution were another. It notes its calls.
    """

    def __init__(self, model, temperature, max_completion_length, **told):
        self.model, self.temperature, self.length = model, temperature, max_completion_length
        self.told, self.calls, self.generation_kwargs, self.off = told, [], {}, 0.0

    def sync_weights(self):
        self.calls.append("sync")

    def generate(self, prompts, images, num_generations, profiler=None):
        self.calls.append((num_generations, [tuple(prompt) for prompt in prompts]))
        stop_ids = set(self.generation_kwargs["stop_token_ids"])
        config = sampling_config(self.length, self.temperature, stop_ids, TOKENIZER.pad_token_id)
        attempts = HFGenerate(self.model, config, 64)(prompts, None)
        logps = [self.logps(*row) for row in zip(prompts, attempts, strict=True)]
        return prompts, attempts, [[[logp] for logp in row] for row in logps], None

    @torch.no_grad()
    def logps(self, prompt, attempt):
        ids = torch.tensor([prompt + attempt])
        turn = torch.tensor([[0] * len(prompt) + [1] * len(attempt)])
        batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "turn": turn}
        return (token_logps(self.model, batch)[0][0, len(prompt) :] + self.off).tolist()
