"""Any causal language model of ``transformers`` as a `LanguageModel`: one batch, one cache, rows copied by number.

Purpose: a prompt is computed once, however many particles start from it; a step is one forward pass of one token a row;
resampling moves cache rows and computes nothing.
Place: under every sampler; all use of the caches of ``transformers`` and of ``prepare_inputs_for_generation`` is here.
Cost: that of the model.  `ModelState.select` moves the cache's bytes of the rows that change: 32 KB a token
and row for a model of 1B parameters.
Not taken: ``model.generate`` (it owns the loop, and knows no weights); the contexts-as-keys interface of other
libraries (every step looks up and recomputes what a row number says).

The model's forward pass waits until logits are asked for, so the last token of a text costs none, and a row
that is dropped before costs none either.  Finished rows leave the batch once they are half of it.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import inspect
from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import DynamicCache, StaticCache

from grammarlib import Vocabulary
from samplers.errors import SamplerError
from samplers.models.model import RowIndices, host_rows
from samplers.models.warp import Warp

CacheKind: TypeAlias = Literal["dynamic", "static"]

_CACHE_NAMES: Final = ("past_key_values", "cache_params")
_CHUNK: Final = 1 << 24


class HuggingFaceModel:
    """A causal language model of ``transformers`` with a warp.

    ``model``: as ``AutoModelForCausalLM`` gives it, in any dtype, on any device; it is put in no mode and not changed.
    Models that keep a cache of `transformers.Cache` layers work (attention, sliding windows, linear attention);
    encoder-decoders are refused.
    ``tokenizer``: needed by `encode` and `vocabulary` only.
    ``warp``: temperature, top-k, top-p, min-p as part of the model's law.  Nothing of ``model.generation_config`` is
    read but the eos ids.
    ``cache``: ``"dynamic"`` grows; ``"static"`` has room for ``max_length`` tokens (prompt, padding and text) from the
    start, keeps its tensors in place and its number of rows, as compiled models and CUDA graphs need it.
    ``eos_token_ids``: those of ``model.generation_config`` by default.
    ``identity``: a name for the weights, which saved tries are keyed by; by default a digest of them, for which all are
    read once.

    Raises `SamplerError` for arguments that do not fit.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any = None,
        *,
        warp: Warp | None = None,
        cache: CacheKind = "dynamic",
        max_length: int | None = None,
        eos_token_ids: Sequence[int] | None = None,
        identity: str | None = None,
    ) -> None:
        if getattr(model.config, "is_encoder_decoder", False):
            raise SamplerError(f"{type(model).__name__} is an encoder-decoder; causal language models are supported")
        if cache not in ("dynamic", "static"):
            raise SamplerError(f"cache must be 'dynamic' or 'static', not {cache!r}")
        if (cache == "static") != (max_length is not None):
            raise SamplerError("max_length says how much room a static cache has; a dynamic one grows")
        parameters = inspect.signature(model.forward).parameters
        names = [name for name in _CACHE_NAMES if name in parameters]
        if not names:
            raise SamplerError(f"{type(model).__name__}.forward takes no cache ({' or '.join(_CACHE_NAMES)})")
        if eos_token_ids is None:
            configured = model.generation_config.eos_token_id
            if configured is None:
                configured = ()
            several = configured.tolist() if isinstance(configured, torch.Tensor) else configured
            eos_token_ids = [several] if isinstance(several, int) else list(several)
        self.model = model
        self.tokenizer = tokenizer
        self.warp = Warp() if warp is None else warp
        self._cache_kind: CacheKind = cache
        self._max_length = max_length
        self._cache_name = names[0]
        self._name = identity
        self._takes_positions = "position_ids" in parameters
        self._takes_keep = "logits_to_keep" in parameters
        self._size = int(model.config.get_text_config().vocab_size)
        self._eos = tuple(sorted({int(token) for token in eos_token_ids}))

    @property
    def vocabulary_size(self) -> int:
        """The width of the logits, padding included."""
        return self._size

    @property
    def eos_token_ids(self) -> tuple[int, ...]:
        """The ids that end a text."""
        return self._eos

    @property
    def device(self) -> torch.device:
        """Where logits are."""
        return torch.device(self.model.device)

    @functools.cached_property
    def vocabulary(self) -> Vocabulary:
        """The tokenizer's vocabulary with the model's eos ids and logits width.  Raises `SamplerError` without one."""
        if self.tokenizer is None:
            raise SamplerError("this model was made without a tokenizer; give one to HuggingFaceModel")
        return Vocabulary.from_huggingface(
            self.tokenizer, eos_token_ids=list(self._eos) or None, logits_width=self._size
        )

    @functools.cached_property
    def identity(self) -> str:
        """The name that was given, or a digest of configuration and weights; and the warp."""
        if self._name is not None:
            return f"named {self._name}; {self.warp}"
        digest = hashlib.sha256(self.model.config.to_json_string().encode())
        with torch.inference_mode():
            for name, tensor in sorted(self.model.state_dict().items()):
                sums = _fingerprint(tensor)
                digest.update(f"{name} {tensor.dtype} {list(tensor.shape)} {sums}".encode())
        return f"transformers {digest.hexdigest()}; {self.warp}"

    def encode(self, prompts: Sequence[str | Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids and attention mask of prompts (texts or token ids): int64[prompts, longest], padded on the left.

        Texts are encoded as the tokenizer does by default.  Raises `SamplerError` for a prompt without tokens.
        """
        rows: list[list[int]] = []
        for number, prompt in enumerate(prompts):
            if isinstance(prompt, str):
                if self.tokenizer is None:
                    raise SamplerError("this model was made without a tokenizer; give token ids, or a tokenizer")
                row = list(self.tokenizer(prompt)["input_ids"])
                if not row and self.tokenizer.bos_token_id is not None:
                    row = [self.tokenizer.bos_token_id]
            else:
                row = [int(token) for token in prompt]
            if not row:
                raise SamplerError(f"prompt {number} has no tokens, and the tokenizer has none that begins a text")
            rows.append(row)
        if not rows:
            raise SamplerError("there are no prompts")
        longest = max(len(row) for row in rows)
        ids = [[0] * (longest - len(row)) + row for row in rows]
        mask = [[0] * (longest - len(row)) + [1] * len(row) for row in rows]
        return torch.tensor(ids, device=self.device), torch.tensor(mask, device=self.device)

    def prefill(
        self, prompt_ids: torch.Tensor, attention_mask: torch.Tensor | None = None, particles: int = 1
    ) -> HuggingFaceState:
        """See `LanguageModel`.  One forward pass over the prompts; particles are copies of cache rows."""
        if prompt_ids.ndim != 2 or 0 in prompt_ids.shape or particles < 1:
            raise SamplerError(
                f"prompt ids must be [prompts, length] with a token each and particles at least 1, not "
                f"{list(prompt_ids.shape)} and {particles}"
            )
        prompt_ids = prompt_ids.to(self.device)
        if attention_mask is None:
            attention_mask = torch.ones_like(prompt_ids)
        attention_mask = attention_mask.to(self.device, torch.int64)
        if attention_mask.shape != prompt_ids.shape or bool((attention_mask.diff(dim=1) < 0).any()):
            raise SamplerError("the attention mask must have the shape of the prompts, and zeros on the left only")
        if not bool(attention_mask[:, -1].all()):
            raise SamplerError("a prompt has no tokens: its attention mask is 0 throughout")
        state = HuggingFaceState(self, self._new_cache(), attention_mask, prompt_ids)
        if particles > 1:
            state.logits()  # before the rows multiply
            count = len(prompt_ids)
            expanded = state.fork(torch.arange(count, device=self.device).repeat_interleave(particles))
            expanded.forward_passes, expanded.model_calls = 1, count
            return expanded
        return state

    def _new_cache(self) -> Any:
        if self._cache_kind == "static":
            return StaticCache(config=self.model.config, max_cache_len=self._max_length)
        return DynamicCache(config=self.model.config)

    def _forward(self, ids: torch.Tensor, attention_mask: torch.Tensor, cache: Any, is_prompt: bool) -> torch.Tensor:
        """Warped scores after the last column: float32[rows, width].  ``attention_mask`` covers all columns."""
        length = attention_mask.shape[1]
        if self._max_length is not None and length > self._max_length:
            raise SamplerError(
                f"a text of {length} tokens (prompt included) does not fit max_length={self._max_length}"
            )
        arguments: dict[str, Any] = {self._cache_name: cache, "attention_mask": attention_mask, "use_cache": True}
        if self._takes_positions:
            positions = (attention_mask.cumsum(dim=1) - 1).clamp_(min=0)
            arguments["position_ids"] = positions[:, length - ids.shape[1] :]
        if self._takes_keep:
            arguments["logits_to_keep"] = 1
        with torch.inference_mode():
            inputs = self.model.prepare_inputs_for_generation(ids, is_first_iteration=is_prompt, **arguments)
            scores = self.model(**inputs, return_dict=True).logits[:, -1].to(self.device, torch.float32)
            if scores.shape[1] != self._size:
                raise SamplerError(f"the model gives {scores.shape[1]} logits, and its configuration says {self._size}")
            return self.warp.apply(scores)


class HuggingFaceState:
    """Rows of a `HuggingFaceModel`; see `samplers.models.model.ModelState`.

    With a dynamic cache, rows that are finished leave the batch once they are half of it: ``_place`` says where in the
    batch each row is, -1 for those that left.
    """

    def __init__(self, model: HuggingFaceModel, cache: Any, attention_mask: torch.Tensor, ids: torch.Tensor) -> None:
        self._model = model
        self._cache = cache
        self._attention_mask = attention_mask
        self._ids = ids  # of the columns that the cache does not hold yet
        self._is_prompt = True
        self._place = np.arange(len(ids))
        self._live = np.ones(len(ids), dtype=np.bool_)
        self._logits: torch.Tensor | None = None
        self.forward_passes = 0
        self.model_calls = 0

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self._place)

    def logits(self) -> torch.Tensor:
        """float32[rows, vocabulary_size] on the model's device."""
        computed = self._computed()
        if len(computed) == self.rows and np.array_equal(self._place, np.arange(self.rows)):
            return computed
        spread = computed.new_zeros((self.rows, self._model.vocabulary_size))
        present = np.flatnonzero(self._place >= 0)
        spread[self._on_device(present)] = computed[self._on_device(self._place[present])]
        return spread

    def _computed(self) -> torch.Tensor:
        """The logits of the rows in the batch."""
        if self._logits is None:
            if self._live.any():
                self._logits = self._model._forward(self._ids, self._attention_mask, self._cache, self._is_prompt)
                self.forward_passes += 1
                self.model_calls += self.rows if self._is_prompt else int(self._live.sum())
                self._is_prompt = False
            else:  # nobody goes on
                shape = (len(self._attention_mask), self._model.vocabulary_size)
                self._logits = torch.zeros(shape, device=self._attention_mask.device)
        return self._logits

    def append(self, tokens: RowIndices) -> None:
        """Every row goes on by one token; negative: it is finished."""
        self._computed()  # the columns so far go into the cache
        chosen = host_rows(tokens)
        if chosen.shape != (self.rows,):
            raise SamplerError(f"{self.rows} rows need as many tokens, not {list(chosen.shape)}")
        self._live = self._live & (chosen >= 0)
        size = len(self._attention_mask)
        count = int(self._live.sum())
        if self._model._cache_kind == "dynamic" and 0 < count <= size // 2:
            kept = np.flatnonzero(self._live)
            self._move(self._on_device(self._place[kept]))
            self._place = np.full(self.rows, -1)
            self._place[kept] = np.arange(count)
        placed = np.zeros(len(self._attention_mask), dtype=np.int64)
        present = np.flatnonzero((self._place >= 0) & self._live)
        placed[self._place[present]] = chosen[present]
        self._ids = self._on_device(placed)[:, None]
        self._attention_mask = torch.cat([self._attention_mask, torch.ones_like(self._ids)], dim=1)
        self._logits = None

    def select(self, ancestors: RowIndices) -> None:
        """Row i becomes a copy of row ``ancestors[i]``."""
        chosen = host_rows(ancestors)
        if self._model._cache_kind == "static":
            if len(chosen) != self.rows:
                raise SamplerError(f"a static cache keeps its {self.rows} rows; {len(chosen)} ancestors were given")
            moved = np.flatnonzero(chosen != np.arange(len(chosen)))
            if len(moved):
                with torch.inference_mode():
                    _move_rows(self._cache, self._on_device(chosen[moved]), self._on_device(moved), self.rows)
            self._select_rest(self._on_device(chosen))
            self._live = self._live[chosen]
        else:
            self._move(self._arrange(chosen))

    def fork(self, ancestors: RowIndices) -> HuggingFaceState:
        """A new state of copies of these rows."""
        self._computed()
        other = copy.copy(self)
        if self._model._cache_kind == "static":
            chosen = host_rows(ancestors)
            places = self._on_device(chosen)
            other._place, other._live = np.arange(len(chosen)), self._live[chosen]
        else:
            places = other._arrange(host_rows(ancestors))
        with torch.inference_mode():
            other._cache = _copied_rows(self._cache, places, len(self._attention_mask))
        other._select_rest(places)
        other.forward_passes = other.model_calls = 0
        return other

    def _arrange(self, ancestors: NDArray[np.int64]) -> torch.Tensor:
        """Give the rows of ``ancestors`` places in a new batch without finished ones; their places in the old one."""
        live = self._live[ancestors]
        places = self._place[ancestors[live]]
        self._live = live
        self._place = np.where(live, np.cumsum(live) - 1, -1)
        return self._on_device(places)

    def _move(self, places: torch.Tensor) -> None:
        """The batch becomes these rows of it, in this order."""
        if not self._is_prompt:
            self._cache.reorder_cache(places)
        self._select_rest(places)

    def _select_rest(self, places: torch.Tensor) -> None:
        self._attention_mask = self._attention_mask[places]
        self._ids = self._ids[places]
        if self._logits is not None:
            self._logits = self._logits[places]

    def _on_device(self, rows: NDArray[np.int64]) -> torch.Tensor:
        return torch.from_numpy(rows).to(self._attention_mask.device)


def _row_tensors(owner: Any, rows: int) -> list[tuple[Any, Any, torch.Tensor]]:
    """Every tensor of a cache layer that has a row for each row of the batch: (container, key, tensor).

    Containers are the layer's attributes and its dicts of states.  Tensors without dimensions (lengths) are none of
    these.  Raises `SamplerError` for a tensor of which that cannot be said.
    """
    found: list[tuple[Any, Any, torch.Tensor]] = []
    containers: list[dict[Any, Any]] = [vars(owner)]
    containers += [value for value in vars(owner).values() if isinstance(value, dict)]
    for container in containers:
        for name, value in container.items():
            if isinstance(value, torch.Tensor) and value.ndim and value.numel():
                if value.shape[0] != rows:
                    raise SamplerError(
                        f"{type(owner).__name__}.{name} has shape {list(value.shape)}: its rows cannot be told; this "
                        "cache layer is not supported"
                    )
                found.append((container, name, value))
    return found


def _copied_rows(cache: Any, ancestors: torch.Tensor, rows: int) -> Any:
    """An independent cache with copies of these rows."""
    other = copy.copy(cache)
    other.layers = []
    for layer in cache.layers:
        made = copy.copy(layer)
        for name, value in list(vars(made).items()):
            if isinstance(value, dict):
                setattr(made, name, dict(value))
            elif isinstance(value, torch.Tensor) and not value.ndim:
                setattr(made, name, value.clone())
        for container, name, value in _row_tensors(made, rows):
            container[name] = value.index_select(0, ancestors.to(value.device))
        if hasattr(made, "batch_size"):
            made.batch_size = made.max_batch_size = len(ancestors)
        other.layers.append(made)
    return other


def _move_rows(cache: Any, sources: torch.Tensor, targets: torch.Tensor, rows: int) -> None:
    """Overwrite target rows by source rows in place: the tensors stay where they are."""
    for layer in cache.layers:
        for _, _, value in _row_tensors(layer, rows):
            value.index_copy_(0, targets.to(value.device), value.index_select(0, sources.to(value.device)))


def _fingerprint(tensor: torch.Tensor) -> tuple[int, int]:
    """Two sums over the bytes of a tensor, one weighted by position, modulo 2**64."""
    data = tensor.detach().contiguous().view(-1).view(torch.uint8)
    plain = weighted = 0
    for start in range(0, data.numel(), _CHUNK):
        chunk = data[start : start + _CHUNK].to(torch.int64)
        places = torch.arange(start, start + chunk.numel(), device=chunk.device) * 0x2545F491 % 0x7FFFFFFF
        plain += int(chunk.sum())
        weighted += int((chunk * places).sum())
    return plain, weighted & (2**64 - 1)
