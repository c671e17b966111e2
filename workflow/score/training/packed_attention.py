"""Attention among rows that lie one behind the other in a single row, some of them behind a prefix.

Legend of shapes: P prefixes, B rows, L and T positions of the longest prefix and row, N all positions
of prefixes and rows without padding, H heads, D numbers of a head.

All layers but attention treat positions alike, so a policy can be given prefixes and rows as one row
(1, N). Attention, which is told of it by `packing`, puts queries, keys and values back into rows: those
of prefixes (P, H, L, D) attend to themselves, those of rows (B, H, T, D) to their prefix and themselves.
Nothing is kept between calls of a layer, so layers may be computed again in a backward pass.
"""

import inspect
from functools import wraps

import torch
from transformers import AttentionInterface

FLASH = ("flash_attention_2", "flash_attention_3")
KNOWN = ("sdpa", "eager", *FLASH)


def let_attention_unpack(name: str) -> None:
    """Have transformers' attention `name`, one of KNOWN, take `packing`; nothing else changes."""
    theirs = AttentionInterface._global_mapping.get(name)
    if getattr(theirs, "unpacks", False):
        return

    def attention(module, query, key, value, attention_mask, packing=None, **options):
        plain = theirs or _eager(module)
        if packing is None:
            return plain(module, query, key, value, attention_mask, **options)
        attend = packing.attend_flat if name in FLASH else packing.attend
        return attend(plain, name, module, (query, key, value), options), None

    attention = wraps(theirs)(attention) if theirs else attention
    attention.unpacks = True
    AttentionInterface.register(name, attention)


def _eager(module):
    """The attention that the source file of a module's class falls back on."""
    return inspect.unwrap(type(module).forward).__globals__["eager_attention_forward"]


class Packing:
    """Where the positions of prefixes and rows lie among N: prefixes first, each from left to right.

    prefix_mask (P, L) and mask (B, T): which places are filled, on whatever side the padding is. of
    (B,): the prefix of each row. `windows`: sliding windows that layers have asked for, None for none.
    """

    def __init__(self, prefix_mask: torch.Tensor, of: torch.Tensor, mask: torch.Tensor):
        self.of, self.before = of, prefix_mask.sum(1)
        self.prefixes, self.rows = _Block(self.before, prefix_mask.size(1)), _Block(mask.sum(1))
        self.windows: set[int | None] = set()
        self._masks: dict = {}

    def positions(self) -> torch.Tensor:
        """Of each of the N positions its place in its conversation, (1, N)."""
        starts = torch.zeros_like(self.before), self.before[self.of]
        blocks = zip((self.prefixes, self.rows), starts, strict=True)
        return torch.cat([(start[:, None] + b.places)[b.filled] for b, start in blocks])[None]

    def attend(self, plain, name, module, arrays, options) -> torch.Tensor:
        """(1, N, H, D) from queries, keys and values (1, H, N, D), by the attention `plain` of rows."""
        self.windows.add(options.get("sliding_window"))
        (q1, q2), (k1, k2), (v1, v2) = (self._split(array) for array in arrays)
        found = []
        if self.prefixes.count:
            rows = [self.prefixes.pad(array) for array in (q1, k1, v1)]
            mask = self._mask("prefixes", name, q1, options)
            found.append(self.prefixes.flat(plain(module, *_heads(rows), mask, **options)[0]))
            # Not `row[self.of]`, whose gradient is added up by several threads in any order.
            before = [row.index_select(0, self.of) for row in rows[1:]]
        rows = [self.rows.pad(array) for array in (q2, k2, v2)]
        if self.prefixes.count:
            rows[1:] = [torch.cat(pair, 1) for pair in zip(before, rows[1:], strict=True)]
        mask = self._mask("rows", name, q1, options)
        found.append(self.rows.flat(plain(module, *_heads(rows), mask, **options)[0]))
        return torch.cat(found)[None]

    def _split(self, array: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(1, H, N, D) as positions of prefixes and of rows, (n, H, D) each."""
        return array[0].transpose(0, 1).split([self.prefixes.count, self.rows.count])

    def _mask(self, block: str, name: str, like: torch.Tensor, options: dict):
        """What a block's queries see, for `plain`: None where sdpa's own causal mask is the same."""
        window = options.get("sliding_window")
        alone = block == "prefixes" or not self.prefixes.count
        if name == "sdpa" and alone and window is None:
            return None
        key = block, window, like.dtype
        if key not in self._masks:
            seen = self._seen(block, window)[:, None]
            if (
                name == "eager" or like.device.type == "cpu"
            ):  # which would turn it into numbers itself
                lowest = torch.finfo(like.dtype).min
                seen = torch.zeros_like(seen, dtype=like.dtype).masked_fill_(~seen, lowest)
            self._masks[key] = seen
        return self._masks[key]

    def _seen(self, block: str, window: int | None) -> torch.Tensor:
        """Which keys a query sees: (P, L, L), or (B, T, L + T) where there are prefixes.

        Places of padding see themselves and others, since a softmax over nothing is no number, and
        real ones, which are all before them, see none of them.
        """
        if block == "prefixes" or not self.prefixes.count:
            asked = told = getattr(self, block).places
            there = torch.ones_like(told, dtype=torch.bool)
        else:
            start = self.before[self.of][:, None]
            asked = start + self.rows.places
            told = torch.cat([self.prefixes.places.expand(len(start), -1), asked], 1)
            own = torch.ones_like(asked, dtype=torch.bool)
            there = torch.cat([self.prefixes.filled[self.of], own], 1)
        seen = there[:, None] & (told[:, None] <= asked[:, :, None])
        return seen if window is None else seen & (asked[:, :, None] - told[:, None] < window)

    def attend_flat(self, plain, name, module, arrays, options) -> torch.Tensor:
        """The same by flash attention's kernels, which take rows of different lengths one after another.

        They have a query see all keys up to as many before the last as queries come behind it.
        """
        self.windows.add(options.get("sliding_window"))
        query, *others = arrays
        keys, lengths = self._flat()
        others = [array.index_select(2, keys) for array in others]
        return plain(module, query, *others, None, **options | lengths)[0]

    def _flat(self) -> tuple:
        if "flat" not in self._masks:
            prefixes, rows = self.prefixes.lengths, self.rows.lengths
            places = [self.prefixes.table(0)[self.of], self.rows.table(self.prefixes.count)]
            joined = torch.cat(places, 1)
            first = torch.arange(self.prefixes.count, device=joined.device)
            asked = torch.cat([prefixes, rows])
            told = torch.cat([prefixes, self.before[self.of] + rows])[asked > 0]
            asked = asked[asked > 0]
            lengths = {"max_length_q": int(asked.max()), "max_length_k": int(told.max())}
            for kind, of in (("q", asked), ("k", told)):
                ends = torch.nn.functional.pad(of.cumsum(0), (1, 0))
                lengths[f"cu_seq_lens_{kind}"] = ends.to(torch.int32)
            self._masks["flat"] = torch.cat([first, joined[joined >= 0]]), lengths
        return self._masks["flat"]


class _Block:
    """Rows of the given lengths that lie one behind the other, and padded on the right to `width`."""

    def __init__(self, lengths: torch.Tensor, width: int | None = None):
        self.lengths, self.count = lengths, int(lengths.sum())
        width = int(lengths.max()) if width is None else width
        self.places = torch.arange(width, device=lengths.device)[None]
        self.filled = self.places < lengths[:, None]
        self.of_flat = self.filled.flatten().nonzero().squeeze(1)
        self.empty = (~self.filled).flatten().nonzero().squeeze(1)
        self.of_padded = self.table(0).clamp_(min=0).flatten()

    def table(self, start: int) -> torch.Tensor:
        """Which position, from `start` on, is at each place; −1 in padding."""
        found = (self.filled.flatten().cumsum(0) - 1 + start).view(self.filled.shape)
        return found.masked_fill(~self.filled, -1)

    def pad(self, flat: torch.Tensor) -> torch.Tensor:
        """(n, H, D) as rows (R, W, H, D); in padding stands what comes, which no real place sees."""
        rows = _Moved.apply(flat, self.of_padded, self.of_flat, None)
        return rows.unflatten(0, self.filled.shape)

    def flat(self, rows: torch.Tensor) -> torch.Tensor:
        """(R, W, H, D) as the positions (n, H, D)."""
        return _Moved.apply(rows.flatten(0, 1), self.of_flat, self.of_padded, self.empty)


class _Moved(torch.autograd.Function):
    """`values[index]`, whose gradient is `gradient[back]` with zeros at `empty`.

    Of indices that are told apart from their padding this is the gradient, without adding anything up.
    """

    @staticmethod
    def forward(ctx, values, index, back, empty):
        ctx.save_for_backward(back, empty)
        return values.index_select(0, index)

    @staticmethod
    def backward(ctx, gradient):
        back, empty = ctx.saved_tensors
        found = gradient.index_select(0, back)
        if empty is not None:
            found.index_fill_(0, empty, 0)
        return found, None, None, None


def _heads(rows: list[torch.Tensor]) -> list[torch.Tensor]:
    return [row.transpose(1, 2) for row in rows]
