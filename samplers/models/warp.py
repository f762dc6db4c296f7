"""Temperature, top-k, top-p and min-p as part of the target: one law of the next token, not a step after another.

Purpose: a sampler corrects towards p(text), so p must be said exactly.  Here the warp belongs to the model: its logits
are those of the warped law, every weight refers to it, and a saved trie is keyed by it.
Place: applied by `samplers.models` to raw logits; read from a generation config by whoever runs under ``generate``.
Cost: temperature one pass over the logits; top-k a partial sort, top-p a sort of them.
Not taken: warping after the constraint, as ``transformers`` does: the target would then be no product of a model and a
constraint, and a corrected score would be raised to the power 1/temperature.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import torch

from samplers.errors import SamplerError, UnsupportedCall

_NEUTRAL: Final[dict[str, tuple[Any, ...]]] = {
    "typical_p": (None, 1.0),
    "epsilon_cutoff": (None, 0.0),
    "eta_cutoff": (None, 0.0),
    "top_h": (None,),
    "repetition_penalty": (None, 1.0),
    "encoder_repetition_penalty": (None, 1.0),
    "no_repeat_ngram_size": (None, 0),
    "encoder_no_repeat_ngram_size": (None, 0),
    "exponential_decay_length_penalty": (None,),
    "sequence_bias": (None,),
    "bad_words_ids": (None,),
    "suppress_tokens": (None,),
    "begin_suppress_tokens": (None,),
    "forced_bos_token_id": (None,),
    "forced_eos_token_id": (None,),
    "guidance_scale": (None, 1.0),
    "min_length": (None, 0),
    "min_new_tokens": (None, 0),
    "watermarking_config": (None,),
    "penalty_alpha": (None, 0.0),
    "dola_layers": (None,),
    "diversity_penalty": (None, 0.0),
}
"""What else in a generation config changes scores, with the values that do not."""


@dataclass(frozen=True, slots=True)
class Warp:
    """A change of the law of the next token, the same for every row and step.

    Applied in the order of ``transformers``: divide by ``temperature``; keep the ``top_k`` largest (with ties); keep
    the smallest set of most likely tokens whose probability reaches ``top_p`` (at least one); drop tokens below
    ``min_p`` times the largest probability.  None, and the defaults, change nothing.

    Raises `SamplerError` for values out of range; a temperature of 0 is no distribution, so it is refused.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None

    def __post_init__(self) -> None:
        if not (0 < self.temperature < math.inf):
            raise SamplerError(f"temperature must be positive and finite, and is {self.temperature}")
        if self.top_k is not None and self.top_k < 1:
            raise SamplerError(f"top_k must be at least 1, and is {self.top_k}; None switches it off")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise SamplerError(f"top_p must be in (0, 1], and is {self.top_p}")
        if self.min_p is not None and not 0 <= self.min_p <= 1:
            raise SamplerError(f"min_p must be in [0, 1], and is {self.min_p}")

    @property
    def is_neutral(self) -> bool:
        """Whether it changes nothing."""
        return (
            self.temperature == 1.0 and self.top_k is None and self.top_p in (None, 1.0) and self.min_p in (None, 0.0)
        )

    @classmethod
    def from_generation_config(cls, config: Any, *, ignore: frozenset[str] = frozenset()) -> Warp:
        """The warp that ``model.generate`` would apply under a config, its default ``top_k`` of 50 included.

        Raises `UnsupportedCall`, naming all of them, for settings that change scores in another way (penalties,
        forced or suppressed tokens, other truncations), since the target would not be this warp's; names in
        ``ignore`` are let through.  Without ``do_sample`` generate reads no warp, and the result is neutral.
        """
        wrong = [
            f"{name}={getattr(config, name)!r}"
            for name, neutral in _NEUTRAL.items()
            if name not in ignore and getattr(config, name, None) not in neutral
        ]
        if wrong:
            raise UnsupportedCall(
                f"the generation config changes scores in ways that are no part of a target: {', '.join(wrong)}; "
                "switch them off for this call"
            )
        if not getattr(config, "do_sample", False):
            return cls()
        temperature = getattr(config, "temperature", None)
        top_k = getattr(config, "top_k", None)
        return cls(
            temperature=1.0 if temperature is None else float(temperature),
            top_k=int(top_k) if top_k else None,
            top_p=getattr(config, "top_p", None),
            min_p=getattr(config, "min_p", None),
        )

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        """Logits of the warped law: floating[rows, width] of the same dtype; the argument is not written."""
        if self.temperature != 1.0:
            logits = logits / self.temperature
        if self.top_k is not None and self.top_k < logits.shape[1]:
            smallest = torch.topk(logits, self.top_k, dim=1).values[:, -1:]
            logits = logits.masked_fill(logits < smallest, -torch.inf)
        if self.top_p is not None and self.top_p < 1:
            ascending, order = torch.sort(logits, dim=1, stable=True)
            # float64: in float32 the sum over 128k tokens is off by more than the tail that is cut
            dropped = torch.softmax(ascending.double(), dim=1).cumsum(dim=1) <= 1 - self.top_p
            dropped[:, -1] = False
            logits = logits.masked_fill(torch.zeros_like(dropped).scatter_(1, order, dropped), -torch.inf)
        if self.min_p is not None and self.min_p > 0:
            largest = logits.amax(dim=1, keepdim=True)
            logits = logits.masked_fill(logits < largest + math.log(self.min_p), -torch.inf)
        return logits

    def __str__(self) -> str:
        return f"temperature={self.temperature!r} top_k={self.top_k} top_p={self.top_p!r} min_p={self.min_p!r}"
