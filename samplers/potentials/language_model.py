"""Another language model as a potential: products of experts, grounded decoding, contrast by quotients.

Purpose: ``p(x) * q(x) ** 0.5`` or ``p(x) * q(x) / r(x)`` as the target, with the weights that make it one.
Place: a dense factor; models stay on their devices, no score of a whole vocabulary reaches the host.
Cost: one forward pass of the other model a step, and one log-softmax.
Not taken: averaging logits, which is a target for single steps only and forgets the normalisers (grounded decoding as
published); here they are counted, so that a sampler can correct for them.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.models.model import LanguageModel, ModelState
from samplers.potentials.algebra import Composable
from samplers.types import TokenTable


class LanguageModelPotential(Composable):
    """A text's probability under a model: ``prefix(u) = log q(u)``, ``complete(u) = log q(u) + log q(eos|u)``.

    ``model``: must use the tokens of ``vocabulary``; its probability of the end is the sum over the vocabulary's eos
    ids.  ``prompt_ids``: the model's own prompt, int64[length].  Tokens past the vocabulary have no weight.
    Raises `SamplerError` where the model is narrower than the vocabulary's last token, or there is no eos id.
    """

    def __init__(self, model: LanguageModel, vocabulary: TokenTable, prompt_ids: torch.Tensor) -> None:
        if model.vocabulary_size < len(vocabulary.tokens):
            raise SamplerError(
                f"the model has {model.vocabulary_size} tokens and the vocabulary {len(vocabulary.tokens)}: another "
                "tokenizer's model cannot be multiplied token by token"
            )
        if not vocabulary.eos_token_ids:
            raise SamplerError("the vocabulary has no eos token, so no text has a probability")
        self.model = model
        self._vocabulary = vocabulary
        self._prompt_ids = prompt_ids.reshape(1, -1)

    @property
    def vocabulary(self) -> TokenTable:
        """The vocabulary that was given."""
        return self._vocabulary

    @property
    def identity(self) -> str | None:
        """The model's identity and the prompt."""
        return f"model({self.model.identity}, {self._prompt_ids.tolist()[0]})"

    def start(self, rows: int) -> LanguageModelPotentialState:
        """See `Potential`.  Computes the prompt once."""
        state = self.model.prefill(self._prompt_ids, None, rows)
        return LanguageModelPotentialState(self._vocabulary, state, np.zeros(rows))


class LanguageModelPotentialState:
    """Rows of a `LanguageModelPotential`."""

    has_checks = False
    constraint_checks = 0

    def __init__(self, vocabulary: TokenTable, state: ModelState, log_weights: NDArray[np.float64]) -> None:
        self._vocabulary = vocabulary
        self._eos = np.array(sorted(vocabulary.eos_token_ids), dtype=np.int64)
        self._state = state
        self._log_weights = log_weights
        self._is_finished = np.zeros(len(log_weights), dtype=np.bool_)
        self._dense: torch.Tensor | None = None

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self._log_weights)

    def mask(self) -> None:
        """None: the dense factor says it all."""
        return

    def log_weights_next(self) -> torch.Tensor:
        """float64[rows, logits_width] (float32 on MPS) on the model's device."""
        if self._dense is None:
            logits = self._state.logits()
            exact = logits.float() if logits.device.type == "mps" else logits.double()
            dense = torch.log_softmax(exact, dim=1)
            eos = torch.from_numpy(self._eos).to(dense.device)
            dense[:, eos] = torch.logsumexp(dense[:, eos], dim=1, keepdim=True)
            ended = torch.from_numpy(self._is_finished | (self._log_weights == -np.inf)).to(dense.device)
            self._dense = dense[:, : self._vocabulary.logits_width].masked_fill_(ended[:, None], -torch.inf)
        return self._dense

    def check(self, rows: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        """0 for every pair."""
        return np.zeros(len(rows), dtype=np.float64)

    def advance(self, tokens: NDArray[np.int64]) -> None:
        """Every row goes on by one token: one forward pass, when the next weights are asked for."""
        dense = self.log_weights_next()
        moving = np.flatnonzero((tokens >= 0) & ~self._is_finished & (self._log_weights > -np.inf))
        inside = moving[tokens[moving] < dense.shape[1]]
        weights = np.full(len(tokens), -np.inf)
        index = torch.from_numpy(np.stack([inside, tokens[inside]])).to(dense.device)
        weights[inside] = dense[index[0], index[1]].double().cpu().numpy()
        self._log_weights = self._log_weights.copy()
        self._log_weights[moving] += weights[moving]
        self._is_finished = self._is_finished.copy()
        self._is_finished[moving] |= np.isin(tokens[moving], self._eos)
        goes_on = (tokens >= 0) & ~self._is_finished & (self._log_weights > -np.inf)
        self._state.append(np.where(goes_on, tokens, -1))
        self._dense = None

    def select(self, ancestors: NDArray[np.int64]) -> None:
        """Row i becomes a copy of row ``ancestors[i]``."""
        self._state.select(ancestors)
        self._log_weights = self._log_weights[ancestors]
        self._is_finished = self._is_finished[ancestors]
        self._dense = None

    def fork(self, ancestors: NDArray[np.int64]) -> LanguageModelPotentialState:
        """A new state of copies of these rows."""
        other = LanguageModelPotentialState(self._vocabulary, self._state.fork(ancestors), self._log_weights[ancestors])
        other._is_finished = self._is_finished[ancestors]
        return other

    def prefix(self) -> NDArray[np.float64]:
        """log q of what was written."""
        return self._log_weights.copy()

    def complete(self) -> NDArray[np.float64]:
        """log q of what was written and of the end."""
        ends = self.log_weights_next()[:, int(self._eos[0])].double().cpu().numpy()
        return np.where(self._is_finished, self._log_weights, self._log_weights + ends)
