"""The least that an update of two attempts has to compute, written plainly from a policy's own passes.

Legend of shapes: P problems, K rollouts of each, B = P K, S prompt positions, n tokens of an attempt,
M of the message between two attempts, V vocabulary, H hidden size.

Every prompt is read once for its K rollouts, every token of an attempt is decoded once, and the second
attempt goes on in the cache of the first. Then the reference and the policy read the same distinct
positions once, the policy with a backward pass, and tokens are scored in tiles of the head whose
gradient is taken at once, so that no logits are worked out again. No optimiser, verifier or record.
"""

import time

import torch
from transformers import DynamicCache

from score.benchmarks.clock import Clock, Taken
from score.benchmarks.trainers import K, OurUpdate, precision_on
from score.policies.load import load_policy

TILE = 256  # tokens of the head at a time


class Floor:
    """The update of `policy` with the frozen `reference`; all attempts have `new` tokens.

    prompts (P, S) and between (M,): token ids. Both models are plain causal ones in eval mode.
    """

    def __init__(self, policy, reference, prompts, between, k: int, new: int, device: str):
        self.policy, self.reference, self.k, self.new = policy, reference, k, new
        self.prompts = torch.tensor(prompts, device=device)
        self.between = torch.tensor(between, device=device).expand(len(prompts) * k, -1)
        self.device = device

    def __call__(self) -> Taken:
        clock, cpu = Clock(self.device), time.process_time()
        with clock.during("sampling"):
            first, second = self.generate()
        with clock.during("reference pass"), torch.no_grad():
            hidden, ids = self.hidden(self.reference, first, second)
            self.logps(self.reference, hidden, ids)
        with clock.during("forward and backward"):
            self.backward(first, second)
        self.policy.zero_grad(set_to_none=True)
        seconds = dict(clock.seconds)
        taken = time.process_time() - cpu
        return {**seconds, "seconds": sum(seconds.values()), "cpu_seconds": taken}

    @torch.no_grad()
    def generate(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Both attempts of all rollouts, (B, n) each."""
        cache = DynamicCache(config=self.policy.config)
        logits = self._next(self.prompts, cache).repeat_interleave(self.k, 0)
        cache.batch_repeat_interleave(self.k)
        attempts = []
        for turn in range(2):
            tokens = [_drawn(logits)]
            for _ in range(self.new - 1):
                tokens.append(_drawn(self._next(tokens[-1], cache)))
            attempts.append(torch.cat(tokens, 1))
            if turn == 0:
                logits = self._next(torch.cat([tokens[-1], self.between], 1), cache)
        return tuple(attempts)

    def _next(self, ids: torch.Tensor, cache: DynamicCache) -> torch.Tensor:
        """Logits (B, V) behind new positions (B, …) of the cache."""
        out = self.policy(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        return out.logits[:, -1]

    def hidden(self, model, first, second) -> tuple[torch.Tensor, torch.Tensor]:
        """Hidden states (2 B n, H) from which the tokens of attempts are told, and these (2 B n)."""
        cache = DynamicCache(config=model.config)
        model.base_model(input_ids=self.prompts[:, :-1], past_key_values=cache, use_cache=True)
        cache.batch_repeat_interleave(self.k)
        last = self.prompts[:, -1:].repeat_interleave(self.k, 0)
        rest = torch.cat([last, first, self.between, second[:, :-1]], 1)
        states = model.base_model(input_ids=rest, past_key_values=cache, use_cache=True)[0]
        n, behind = self.new, self.new + self.between.size(1)
        told = torch.cat([states[:, :n], states[:, behind : behind + n]], 1)
        return told.flatten(0, 1), torch.cat([first, second], 1).flatten()

    def logps(self, model, hidden, ids) -> torch.Tensor:
        """Log-probabilities (2 B n) of tokens."""
        return torch.cat([self._tile(model, *tile) for tile in _tiles(hidden, ids)])

    def _tile(self, model, hidden, ids) -> torch.Tensor:
        logits = model.get_output_embeddings()(hidden).float()
        return -torch.nn.functional.cross_entropy(logits, ids, reduction="none")

    def backward(self, first, second) -> None:
        """Gradients of the sum of advantage times log-probability, with advantages of ±1."""
        hidden, ids = self.hidden(self.policy, first, second)
        inner = hidden.detach().requires_grad_()
        weights = torch.ones_like(ids, dtype=torch.float32)
        weights[::2] = -1.0
        for part, tokens, weight in _tiles(inner, ids, weights):
            (self._tile(self.policy, part, tokens) * weight).sum().backward()
        hidden.backward(inner.grad)


def _drawn(logits: torch.Tensor) -> torch.Tensor:
    """Tokens (B, 1) from logits (B, V), by inverse CDF: `multinomial` would draw V numbers a row."""
    cumulated = logits.float().softmax(-1).cumsum(-1)
    draws = torch.rand_like(cumulated[:, :1]) * cumulated[:, -1:]
    return torch.searchsorted(cumulated, draws, right=True).clamp_(max=logits.size(1) - 1)


def _tiles(*tensors: torch.Tensor):
    return zip(*(tensor.split(TILE) for tensor in tensors), strict=True)


def floor_of(update: OurUpdate, model: str) -> Floor:
    """The floor of an `OurUpdate`: its prompts, its message between attempts, its sizes."""
    trainer, device = update.trainer, update.clock.device
    rows = [trainer.rendered(messages) for messages in trainer.train_dataset["prompt"]]
    end = sorted(trainer.stop_ids)[0]
    policies = [load_policy(model, precision_on(device)).to(device).eval() for _ in range(2)]
    policies[1].requires_grad_(False)
    return Floor(*policies, rows, trainer.bridge.after([end]), K, update.size.new, device)
