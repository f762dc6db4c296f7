"""Writes the page of uncurated samples: one constrained output for each schema of a folder.

Run ``python -m samplers.models.training.samples docs/examples/schemas docs/explanation/embedded_model_samples.md``.
One seed, one try a schema, no selection; the page says at which temperature.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

import grammarlib as gl
from samplers import generate
from samplers.models import load_embedded
from samplers.models.prompt import prompt_for

HEADER = """\
# Samples of the embedded model

One constrained output for each schema in `docs/examples/schemas/`, in alphabetical order: seed {seed}, temperature
{temperature}, `whitespace="{whitespace}"`, `formats="{formats}"`, the prompt of `prompt_for(schema)`, one try each,
nothing selected or edited. The model was not trained on these schemas. Shape, types, enumerations, bounds and patterns
hold by construction{formats_hold}; how plausible the values are is the model's merit or fault.

Written by `python -m samplers.models.training.samples`.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Write constrained samples of the embedded model.")
    parser.add_argument("schemas", type=Path, help="folder of JSON schemas")
    parser.add_argument("page", type=Path, help="the Markdown file to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--temperature", type=float, default=0.7)
    parser.add_argument("--whitespace", choices=("bounded", "compact", "any"), default="bounded")
    parser.add_argument("--formats", choices=("assert", "strict", "annotate"), default="assert")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model, tokenizer = load_embedded()
    vocabulary = gl.Vocabulary.from_huggingface(tokenizer)
    page = HEADER.format(
        seed=options.seed,
        temperature=options.temperature,
        whitespace=options.whitespace,
        formats=options.formats,
        formats_hold=", formats do not" if options.formats == "annotate" else ", and so do formats",
    )
    for path in sorted(options.schemas.glob("*.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        compiled = gl.compile(gl.JsonSchema(schema, whitespace=options.whitespace, formats=options.formats), vocabulary)
        [result] = generate(
            model,
            tokenizer,
            [prompt_for(schema)],
            compiled,
            max_new_tokens=500,
            temperature=options.temperature,
            seed=options.seed,
        )
        page += f"\n## {path.stem}\n\n```json\n{result.text}\n```\n"
        if not result.is_finished:
            page += "\nCut off after 500 tokens.\n"
    options.page.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
