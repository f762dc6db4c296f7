"""``model.generate(custom_generate=...)``: weighted samples through the interface that users of transformers know.

Purpose: prompts, padding, ``num_return_sequences``, pipelines and streamers as in any call of ``generate``; a properly
weighted sampler in place of its loop.
Place: over `samplers.smc` and `samplers.aligned`; this module alone knows what ``generate`` hands to a callable.
Cost: that of the sampler.  The cache that ``generate`` prepared stays empty; the sampler has its own, one prefill a
prompt for all of its samples.
Not taken: calling the prepared logits processors.  They come with warpers (``top_k=50`` is a default of
transformers), which would silently become part of the target, and a processor cannot say what it multiplies.

**What is refused.**  Everything that would change the target or be ignored: other logits processors, stopping
criteria beside length and eos, beams, assistants, ``inputs_embeds``, caches that hold something, greedy decoding.
All of it is named in one `UnsupportedCall`.
"""

from __future__ import annotations

import math
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import torch
from transformers.generation import (
    EosTokenCriteria,
    MaxLengthCriteria,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)
from transformers.utils import ModelOutput

from samplers.aligned import AlignedSampling, Mode
from samplers.errors import SamplerError, UnsupportedCall
from samplers.models import HuggingFaceModel, Warp
from samplers.potentials import CompiledPotential, Potential
from samplers.resampling import Scheme
from samplers.rollout import Budget
from samplers.smc import SMC, Callback, SMCInfo, SMCState
from samplers.token import AWRS, Estimator
from samplers.token_sampler import TokenSampler
from samplers.trie import AlignedTrie
from samplers.types import Constraint, Samples

WarpChoice: TypeAlias = Literal["temperature", "config"] | Warp
"""What of the generation config's warpers is part of the target; see `smc_generate`."""

_WARPERS: Final = (TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper, MinPLogitsWarper)
_DEFAULT_TOP_K: Final = 50
_KNOWN_ARGUMENTS: Final = frozenset(
    {
        "attention_mask",
        "position_ids",
        "past_key_values",
        "cache_params",
        "use_cache",
        "logits_to_keep",
        "cache_position",
        "tokenizer",
        "streamer",
        "synced_gpus",
        "token_type_ids",
    }
)


@dataclass
class WeightedGenerateOutput(ModelOutput):  # type: ignore[misc,unused-ignore]
    """What the callables return; rows of a prompt lie together, as ``generate`` orders them.

    ``sequences`` int64[rows, length]: prompt, text and eos token, padded on the right; a dead end stops where it died.
    ``log_weights`` float64[rows].  ``is_finished`` bool[rows].  ``log_evidence``, ``log_evidence_error``, ``ess``
    float64[rows]: the estimate of log Z of the row's prompt, its standard error, the effective sample size (a value
    for each row, because a pipeline hands every row its own; once for each prompt in ``samples``).
    ``samples``: the same for each prompt as `samplers.types.Samples`, with texts, values, posteriors.
    ``warp``: the law of the next token that the target is made of, in words.
    """

    sequences: torch.Tensor | None = None
    log_weights: torch.Tensor | None = None
    is_finished: torch.Tensor | None = None
    log_evidence: torch.Tensor | None = None
    log_evidence_error: torch.Tensor | None = None
    ess: torch.Tensor | None = None
    samples: Any = None
    warp: str | None = None


def smc_generate(
    model: Any,
    input_ids: torch.Tensor,
    logits_processor: Any,
    stopping_criteria: Any,
    generation_config: Any,
    *,
    constraint: Constraint | Potential,
    critic: Potential | None = None,
    seed: int | None = None,
    warp: WarpChoice = "temperature",
    budget: Budget = "limit",
    token_sampler: TokenSampler | None = None,
    ess_threshold: float = 0.5,
    resampling: Scheme = "stratified",
    expansion: int = 1,
    critic_every: int | Callable[[bytes], bool] = 1,
    callback: Callback | None = None,
    **arguments: Any,
) -> WeightedGenerateOutput:
    """Sequential Monte Carlo: ``model.generate(ids, custom_generate=smc_generate, do_sample=True, constraint=...)``.

    ``num_return_sequences`` is the number of particles of each prompt, ``max_new_tokens`` (or ``max_length``) the
    limit, without the eos token.  ``constraint``: a compiled source or a potential, for every prompt.  The other
    arguments are those of `samplers.smc.SMC`.  ``seed``: None draws one.
    ``callback``: called after each step; a ``streamer`` is served where there is one row.

    ``warp``: ``"temperature"``: the target is the model's own law at the configured temperature; the default
    ``top_k=50`` of transformers is left out (it cannot be told from one that was asked for), and any other truncation
    is refused.  ``"config"``: all of temperature, top-k (50 by default), top-p and min-p belong to the target.  A
    `Warp`: that one, and nothing of the config.  The output's ``warp`` says what it was.

    Raises `UnsupportedCall`, naming everything, for what would be ignored, and `SamplerError` for arguments that do not
    fit.
    """
    call = _Call.of(
        model, input_ids, logits_processor, stopping_criteria, generation_config, constraint, warp, arguments
    )
    algorithm = SMC(
        call.model,
        call.potential,
        critic=critic,
        token_sampler=token_sampler,
        n=call.n,
        max_tokens=call.max_tokens,
        budget=budget,
        ess_threshold=ess_threshold,
        resampling=resampling,
        expansion=expansion,
        critic_every=critic_every,
    )
    stream = call.stream()
    results = algorithm.run(call.prompts, _seed(seed), callback=_both(stream, callback))
    return call.output(results)


def awrs_generate(
    model: Any,
    input_ids: torch.Tensor,
    logits_processor: Any,
    stopping_criteria: Any,
    generation_config: Any,
    *,
    constraint: Constraint | Potential,
    seed: int | None = None,
    warp: WarpChoice = "temperature",
    budget: Budget = "limit",
    estimator: Estimator | None = None,
    callback: Callback | None = None,
    **arguments: Any,
) -> WeightedGenerateOutput:
    """Adaptive weighted rejection sampling: independent rows, few checks of a black box, exact weights.

    ``num_return_sequences`` rows a prompt.  ``estimator``: `samplers.token.Murthy` by default; a constraint that
    has nothing to check is masked.  The rest is as for
    `smc_generate`, of which this is the special case without resampling and critics.
    """
    return smc_generate(
        model,
        input_ids,
        logits_processor,
        stopping_criteria,
        generation_config,
        constraint=constraint,
        seed=seed,
        warp=warp,
        budget=budget,
        token_sampler=None if estimator is None else AWRS(estimator),
        ess_threshold=0.0,
        callback=callback,
        **arguments,
    )


def aligned_generate(
    model: Any,
    input_ids: torch.Tensor,
    logits_processor: Any,
    stopping_criteria: Any,
    generation_config: Any,
    *,
    constraint: Constraint | Potential,
    seed: int | None = None,
    warp: WarpChoice = "temperature",
    budget: Budget = "limit",
    mode: Mode = "weighted",
    trie: AlignedTrie | None = None,
    batch: int = 16,
    callback: Callable[[Any, Any], None] | None = None,
    **arguments: Any,
) -> WeightedGenerateOutput:
    """Aligned decoding on a trie: ``num_return_sequences`` draws a prompt from a proposal that learns.

    ``mode`` (``"weighted"``, ``"asap"``, ``"cars"``), ``trie`` and ``batch`` are those of
    `samplers.aligned.AlignedSampling`; give the same ``trie`` to later calls, and they begin where this one ended.
    ``callback`` is called after each batch.  Texts come out whole, so a streamer is refused.  The rest is as for
    `smc_generate`.
    """
    call = _Call.of(
        model, input_ids, logits_processor, stopping_criteria, generation_config, constraint, warp, arguments
    )
    if call.streamer is not None:
        raise UnsupportedCall("aligned_generate draws whole texts and may reject them: a streamer cannot be served")
    algorithm = AlignedSampling(
        call.model, call.potential, mode=mode, trie=trie, batch=batch, max_tokens=call.max_tokens, budget=budget
    )
    return call.output(algorithm.sample(call.prompts, call.n, _seed(seed), callback))


@dataclass(frozen=True)
class _Call:
    """One call of ``generate``, checked: what to sample, from which model, and how to hand it back."""

    model: HuggingFaceModel
    potential: Potential
    prompts: list[list[int]]
    input_ids: torch.Tensor
    n: int
    max_tokens: int
    pad: int
    streamer: Any

    @classmethod
    def of(
        cls,
        model: Any,
        input_ids: torch.Tensor,
        logits_processor: Any,
        stopping_criteria: Any,
        generation_config: Any,
        constraint: Constraint | Potential,
        warp: WarpChoice,
        arguments: dict[str, Any],
    ) -> _Call:
        arguments = {**_hidden_arguments(), **arguments}
        wrong = [
            *_wrong_processors(logits_processor),
            *_wrong_criteria(stopping_criteria),
            *_wrong_settings(generation_config),
            *_wrong_arguments(arguments),
        ]
        if input_ids.ndim != 2 or not input_ids.shape[1]:
            wrong.append("inputs_embeds or an empty prompt (give input_ids)")
        streamer = arguments.get("streamer")
        if streamer is not None and len(input_ids) != 1:
            wrong.append("a streamer for several rows (use callback=)")
        chosen = _warp(generation_config, warp, wrong)
        if wrong:
            raise UnsupportedCall(f"this sampler would ignore, or change its target by: {'; '.join(wrong)}")

        n = int(generation_config.num_return_sequences or 1)
        mask = arguments.get("attention_mask")
        mask = torch.ones_like(input_ids) if mask is None else mask
        prompts = [ids[kept.bool()].tolist() for ids, kept in zip(input_ids[::n].cpu(), mask[::n].cpu(), strict=True)]
        longest = int(generation_config.max_length)
        max_tokens = longest - input_ids.shape[1]
        if max_tokens < 1:
            raise SamplerError(f"max_length={longest} leaves no room behind a prompt of {input_ids.shape[1]} tokens")
        stops = _ids(generation_config.eos_token_id)
        potential = _potential(constraint)
        vocabulary = potential.vocabulary
        if not vocabulary.eos_token_ids:
            raise SamplerError("the constraint's vocabulary has no eos token: no text could end")
        is_static = generation_config.cache_implementation == "static"
        wrapped = HuggingFaceModel(
            model,
            warp=chosen,
            cache="static" if is_static else "dynamic",
            max_length=longest + 1 if is_static else None,
            eos_token_ids=stops or None,
        )
        pads = _ids(generation_config.pad_token_id)
        pad = pads[0] if pads else min(vocabulary.eos_token_ids)
        return cls(wrapped, potential, prompts, input_ids, n, max_tokens, pad, streamer)

    def stream(self) -> Callback | None:
        """A callback that shows the tokens of the only row to the streamer, as they are drawn."""
        streamer = self.streamer
        if streamer is None:
            return None

        def show(state: SMCState, info: SMCInfo) -> None:
            if info.tokens[0] >= 0:
                streamer.put(torch.from_numpy(info.tokens[:1]))
            if state.is_done:
                streamer.end()

        return show

    def output(self, results: Sequence[Samples]) -> WeightedGenerateOutput:
        """Sequences as ``generate`` writes them, with the weights."""
        end = min(self.potential.vocabulary.eos_token_ids)
        texts = [
            [*ids, end] if finished else list(ids)
            for result in results
            for ids, finished in zip(result.token_ids, result.is_finished.tolist(), strict=True)
        ]
        longest = max((len(text) for text in texts), default=0)
        device = self.input_ids.device
        written = torch.tensor([text + [self.pad] * (longest - len(text)) for text in texts], dtype=torch.int64)
        written = written.reshape(len(texts), longest).to(device)
        # A sampler may give fewer or more than n texts a prompt: each goes behind its own prompt.
        counts = torch.tensor([len(result) for result in results], device=device)
        prompts = self.input_ids[:: self.n].repeat_interleave(counts, dim=0)

        def numbers(values: Sequence[float | None]) -> torch.Tensor:
            known = [math.nan if value is None else value for value in values]
            return torch.tensor(known, dtype=torch.float64).repeat_interleave(counts.cpu())

        return WeightedGenerateOutput(
            sequences=torch.cat([prompts, written], dim=1),
            log_weights=torch.from_numpy(np.concatenate([result.log_weights for result in results])),
            is_finished=torch.from_numpy(np.concatenate([result.is_finished for result in results])),
            log_evidence=numbers([result.log_evidence for result in results]),
            log_evidence_error=numbers([result.log_evidence_error for result in results]),
            ess=numbers([result.ess for result in results]),
            samples=list(results),
            warp=str(self.model.warp),
        )


def _potential(constraint: Any) -> Potential:
    """A compiled source has matchers, a potential starts states."""
    result: Potential = constraint if hasattr(constraint, "start") else CompiledPotential(constraint)
    return result


def _hidden_arguments() -> dict[str, Any]:
    """What ``generate`` was given and hands to no callable: its streamer and its assistant.

    They are parameters of its own, so they are read from its frame, as `samplers.generation_call` reads which call it
    is.  Without them a streamer would see the prompt and nothing else, and an assistant would be ignored silently.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "generate" and frame.f_globals.get("__name__") == "transformers.generation.utils":
            variables = frame.f_locals
            return {name: variables.get(name) for name in ("streamer", "assistant_model")}
        frame = frame.f_back
    return {}


def _wrong_processors(processors: Any) -> list[str]:
    names = [type(one).__name__ for one in processors or () if not isinstance(one, _WARPERS)]
    return [f"the logits processor {name} (a mask belongs into constraint=)" for name in names]


def _wrong_criteria(criteria: Any) -> list[str]:
    known = (MaxLengthCriteria, EosTokenCriteria)
    return [f"the stopping criterion {type(one).__name__}" for one in criteria or () if not isinstance(one, known)]


def _wrong_settings(config: Any) -> list[str]:
    wrong = []
    if not config.do_sample:
        wrong.append("do_sample=False (these samplers sample: pass do_sample=True)")
    if (config.num_beams or 1) > 1:
        wrong.append(f"num_beams={config.num_beams}")
    if config.cache_implementation not in (None, "dynamic", "dynamic_full", "static"):
        wrong.append(f"cache_implementation={config.cache_implementation!r}")
    for name in ("output_scores", "output_logits", "output_attentions", "output_hidden_states"):
        if getattr(config, name, None):
            wrong.append(f"{name}=True")
    for name in ("prompt_lookup_num_tokens", "assistant_early_exit", "token_healing"):
        if getattr(config, name, None):
            wrong.append(f"{name}={getattr(config, name)!r}")
    return wrong


def _wrong_arguments(arguments: dict[str, Any]) -> list[str]:
    wrong = [
        f"{name}="
        for name, value in arguments.items()
        if name not in _KNOWN_ARGUMENTS and value is not None and value is not False
    ]
    for name in ("past_key_values", "cache_params"):
        cache = arguments.get(name)
        if cache is not None and cache.get_seq_length() > 0:
            wrong.append(f"{name} with {cache.get_seq_length()} tokens in it")
    if arguments.get("synced_gpus"):
        wrong.append("synced_gpus=True")
    return wrong


def _warp(config: Any, choice: WarpChoice, wrong: list[str]) -> Warp:
    """The warp of the target; what does not belong to it is added to ``wrong``."""
    try:
        configured = Warp.from_generation_config(config)
    except UnsupportedCall as error:
        wrong.append(str(error))
        return Warp()
    if isinstance(choice, Warp):
        return choice
    if choice == "config":
        return configured
    if choice != "temperature":
        raise SamplerError(f"warp must be 'temperature', 'config' or a Warp, not {choice!r}")
    truncations = {"top_k": configured.top_k, "top_p": configured.top_p, "min_p": configured.min_p}
    neutral: dict[str, tuple[Any, ...]] = {
        "top_k": (None, _DEFAULT_TOP_K),
        "top_p": (None, 1.0),
        "min_p": (None, 0.0),
    }
    wrong += [
        f"{name}={value} (pass warp='config' to make it part of the target, or switch it off)"
        for name, value in truncations.items()
        if value not in neutral[name]
    ]
    return Warp(temperature=configured.temperature)


def _ids(value: Any) -> list[int]:
    if value is None:
        return []
    several = value.tolist() if isinstance(value, torch.Tensor) else value
    return [int(several)] if isinstance(several, int) else [int(token) for token in several]


def _seed(seed: int | None) -> int:
    return secrets.randbits(63) if seed is None else seed


def _both(first: Callback | None, second: Callback | None) -> Callback | None:
    if first is None or second is None:
        return first or second

    def call(state: SMCState, info: SMCInfo) -> None:
        first(state, info)
        second(state, info)

    return call
