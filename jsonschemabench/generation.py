"""Texts of a language model under an engine's masks: what the quality of outputs is measured on.

Purpose: the third dimension.  Any engine that hands out masks drives the same loop over the same model, so that texts,
times and lost probability differ by the engine alone.
Place: runs in a worker process (role ``generate``); torch and transformers are imported here and nowhere else in a run.
Cost: one forward pass a token, one text at a time: what one user sees.  Batches would make the mask's share unfair.

What is recorded a text.  ``lost_nats``: the sum over steps of -log Z_t, where Z_t is the probability that the model
gives to the tokens that the mask allows.  The masked sampler draws x with density p(x) / prod Z_t, so prod Z_t is the
importance weight of x towards the *aligned* distribution, the model conditioned on the constraint.  Several texts of
one schema thus give an estimate of KL(masked, aligned) and of the share of samples that an aligned sampler (sampling,
importance resampling) would keep, for any engine.  Where the grammar is grammarlib's own, `samplers.AlignedSampling`
runs as well: its trie makes a better estimate of the constraint's probability, and so of the divergence.
"""

from __future__ import annotations

import json
import math
import time
import zlib
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, AutoTokenizer

from jsonschemabench.cases import Case, case_of
from jsonschemabench.engines.registry import make_engine
from jsonschemabench.errors import BenchmarkError
from jsonschemabench.measure import describe
from jsonschemabench.tokenizer import EMBEDDED, Tokenizer
from samplers import AlignedSampling, CompiledPotential, HuggingFaceModel, Warp
from samplers.models import load_embedded
from samplers.models.prompt import prompt_for


class Generator:
    """A model and an engine over the model's own tokenizer.

    ``settings``: ``engine``, ``model``, ``outputs``, ``max_new_tokens``, ``temperature``, ``seed``, ``device``.
    Raises `EngineUnavailable`, or `BenchmarkError` where the model cannot be loaded.
    """

    def __init__(self, settings: dict[str, Any], tokenizer: Tokenizer) -> None:
        self._settings = settings
        self._tokenizer = tokenizer
        self._engine = make_engine(settings["engine"], tokenizer)
        torch.set_num_threads(1)
        name = settings["model"]
        try:
            if name == EMBEDDED:
                self._model, self._front = load_embedded()
            else:
                self._front = AutoTokenizer.from_pretrained(name)
                self._model = AutoModelForCausalLM.from_pretrained(name).eval()
            self._model = self._model.to(settings["device"])
        except Exception as error:  # no network, no such model, no such device: each library has its own classes
            raise BenchmarkError(f"the model {name} cannot be loaded: {type(error).__name__}: {error}") from error
        eos = self._model.generation_config.eos_token_id
        more = [] if eos is None else list(eos) if isinstance(eos, list | tuple) else [eos]
        self._stops = sorted({tokenizer.eos_token_id, *map(int, more)})
        self.distributions = (*self._engine.distributions, "torch", "transformers")

    def prompt(self, case: Case) -> list[int]:
        """Token ids of what the model reads before its answer.

        The embedded model has its own form; a model with a chat template gets schema and instruction as the user's
        turn, any other one as plain text.
        """
        if self._settings["model"] == EMBEDDED:
            text = prompt_for(case.schema if isinstance(case.schema, dict | bool) else None, case.instruction)
            return [int(token) for token in self._front(text)["input_ids"]]
        wish = case.instruction or "Give an example."
        text = f"{wish}\nAnswer with JSON that fits this JSON Schema, and nothing else:\n{json.dumps(case.schema)}"
        if getattr(self._front, "chat_template", None):
            turns = [{"role": "user", "content": text}]
            templated = self._front.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
            return [int(token) for token in self._front(templated, add_special_tokens=False)["input_ids"]]
        return [int(token) for token in self._front(text + "\n")["input_ids"]]

    def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """Generate the texts of a case; ``error`` where the engine refuses the schema or cannot mask a model."""
        case = case_of(request["case"], "request")
        try:
            grammar = self._engine.compile(case.schema)
        except MemoryError:
            raise
        except Exception as error:
            return {"error": describe(error)}
        if grammar.start().mask() is None:
            return {"error": {"type": "NoMask", "message": "the engine's interface hands out no mask"}}
        prompt = self.prompt(case)
        texts: list[dict[str, Any]] = []
        for number in range(self._settings["outputs"]):
            seeds = [self._settings["seed"], zlib.crc32(case.identifier.encode("utf-8", "surrogatepass")), number]
            uniforms = np.random.default_rng(seeds).random(self._settings["max_new_tokens"])
            try:
                text = self._generate(grammar.start(), prompt, uniforms)
            except MemoryError:
                raise
            except Exception as error:
                return {"error": describe(error), "texts": texts}
            if case.reference is not None:
                text["fields"] = list(fields_right(case.reference, text["text"] if text["finished"] else ""))
            texts.append(text)
        answer: dict[str, Any] = {"texts": texts}
        lost = [text["lost_nats"] for text in texts if text["finished"]]
        estimate = alignment(lost, len(texts))
        if estimate is not None:
            answer["alignment"] = estimate
        compiled = getattr(grammar, "compiled", None)
        if self._settings.get("aligned") and compiled is not None:
            try:
                answer["aligned"] = self._aligned(compiled, prompt, lost)
            except MemoryError:
                raise
            except Exception as error:
                answer["aligned"] = {"error": describe(error)}
        return answer

    def _aligned(self, compiled: Any, prompt: list[int], lost: list[float]) -> dict[str, Any]:
        """What an aligned sampler finds: the log-probability of the constraint, and how far masked samples are from it.

        ``log_evidence``: log of the probability that the model writes a text of the schema within the token limit.
        ``divergence_nats``: that minus the mean log weight of the masked texts, an estimate of KL(masked, aligned).
        """
        draws = self._settings["aligned"]
        temperature = self._settings["temperature"] or 1.0
        model = HuggingFaceModel(self._model, self._front, warp=Warp(temperature=temperature), identity="benchmark")
        sampler = AlignedSampling(
            model, CompiledPotential(compiled), batch=min(draws, 4), max_tokens=self._settings["max_new_tokens"]
        )
        started = time.perf_counter()
        [samples] = sampler.sample([prompt], draws, self._settings["seed"])
        found: dict[str, Any] = {"draws": draws, "seconds": round(time.perf_counter() - started, 3)}
        if samples.log_evidence is not None and math.isfinite(samples.log_evidence):
            found["log_evidence"] = round(float(samples.log_evidence), 6)
            found["ess"] = round(float(samples.ess), 3)
            if lost:
                found["divergence_nats"] = round(found["log_evidence"] + sum(lost) / len(lost), 6)
        return found

    @torch.inference_mode()
    def _generate(self, text: Any, prompt: list[int], uniforms: NDArray[np.float64]) -> dict[str, Any]:
        temperature = self._settings["temperature"]
        width = int(self._model.config.get_text_config().vocab_size)
        started = time.perf_counter()
        first_token = mask_seconds = lost = log_probability = 0.0
        tokens: list[int] = []
        finished = dead_end = False
        ids = torch.tensor([prompt], device=self._model.device)
        cache = None
        for uniform in uniforms:
            output = self._model(input_ids=ids, past_key_values=cache, use_cache=True)
            cache = output.past_key_values
            scores = output.logits[0, -1].double()
            # Lost probability belongs to the distribution that is drawn from; greedy choice has that of the model.
            log_probs = torch.log_softmax(scores / temperature if temperature > 0 else scores, dim=0).cpu().numpy()
            begun = time.perf_counter()
            text.fill_mask()
            allowed = unpack(text.mask(), width)
            allowed[self._stops] = allowed[self._tokenizer.eos_token_id]
            mask_seconds += time.perf_counter() - begun
            if not allowed.any():
                dead_end = True
                break
            masked = np.where(allowed, log_probs, -np.inf)
            top = masked.max()
            if not math.isfinite(top):
                dead_end = True
                break
            weights = np.exp(masked - top)
            total = weights.sum()
            lost -= min(0.0, float(top + math.log(total)))
            token = int(masked.argmax()) if temperature == 0 else draw(weights, float(uniform))
            log_probability += float(log_probs[token])
            first_token = first_token or time.perf_counter() - started
            if token in self._stops:
                finished = True
                break
            begun = time.perf_counter()
            taken = text.accept(token)
            mask_seconds += time.perf_counter() - begun
            if not taken:
                raise ValueError(f"the mask allows token {token} and the engine then refuses it")
            tokens.append(token)
            ids = torch.tensor([[token]], device=self._model.device)
        known = self._tokenizer.vocabulary.tokens
        data = b"".join(known[token] or b"" for token in tokens if token < len(known))
        return {
            "text": data.decode("utf-8", errors="replace"),
            "tokens": len(tokens),
            "finished": finished,
            "dead_end": dead_end,
            "seconds": round(time.perf_counter() - started, 6),
            "first_token_seconds": round(first_token, 6),
            "mask_seconds": round(mask_seconds, 6),
            "lost_nats": round(lost, 6),
            "log_probability": round(log_probability, 6),
        }


def generation_tokenizer(settings: dict[str, Any]) -> Tokenizer:
    """The tokenizer that the model of the settings reads and writes."""
    return Tokenizer(settings["model"], settings.get("end_token") if settings["model"] != EMBEDDED else None)


def draw(weights: NDArray[np.float64], uniform: float) -> int:
    """An index with probability proportional to its weight, by inversion; never one of weight 0."""
    cumulative = np.cumsum(weights)
    index = int(np.searchsorted(cumulative, uniform * cumulative[-1], side="right"))
    return min(index, int(np.flatnonzero(weights)[-1]))


def unpack(words: NDArray[np.int32], width: int) -> NDArray[np.bool_]:
    """A packed mask as bool[width]; ids past the mask are not allowed."""
    bits = np.unpackbits(np.ascontiguousarray(words).view(np.uint8), bitorder="little")[:width].astype(bool)
    if bits.shape[0] < width:
        bits = np.concatenate([bits, np.zeros(width - bits.shape[0], dtype=bool)])
    return bits


def alignment(lost_nats: list[float], drawn: int) -> dict[str, Any] | None:
    """What masked samples of one schema say about the aligned distribution; None for fewer than two finished texts.

    ``lost_nats`` of the finished texts among ``drawn``.  ``divergence_nats``: the log of the mean weight minus the mean
    of the log weights, an estimate of KL(masked, aligned) a text; too small where there are few samples.
    ``effective_share``: the effective sample size over ``drawn``.
    """
    if len(lost_nats) < 2:
        return None
    log_weights = -np.asarray(lost_nats, dtype=np.float64)
    top = log_weights.max()
    weights = np.exp(log_weights - top)
    divergence = float(top + math.log(weights.mean()) - log_weights.mean())
    return {
        "divergence_nats": round(max(0.0, divergence), 6),
        "effective_share": round(float(weights.sum() ** 2 / (weights**2).sum() / drawn), 6),
        "texts": len(lost_nats),
    }


def fields_right(reference: str, text: str) -> tuple[int, int]:
    """How many leaves of the reference the text has with an equal value, and how many there are.

    A leaf is a scalar, or an empty object or array, with its JSON pointer.  Text that is not JSON has none.
    """
    wanted = leaves(json.loads(reference))
    try:
        found = leaves(json.loads(text))
    except (ValueError, RecursionError):
        return 0, len(wanted)
    return sum(pointer in found and found[pointer] == value for pointer, value in wanted.items()), len(wanted)


def leaves(value: Any) -> dict[tuple[str | int, ...], tuple[str, Any]]:
    """Each leaf by its path, with its type's name, so that 1 and true differ."""
    found: dict[tuple[str | int, ...], tuple[str, Any]] = {}
    todo: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while todo:
        path, here = todo.pop()
        if isinstance(here, dict) and here:
            todo.extend(((*path, name), one) for name, one in here.items())
        elif isinstance(here, list) and here:
            todo.extend(((*path, number), one) for number, one in enumerate(here))
        else:
            kind = "number" if isinstance(here, int | float) and not isinstance(here, bool) else type(here).__name__
            found[path] = (kind, json.dumps(here) if isinstance(here, dict | list) else here)
    return found
