"""Documents of the training data: schemas with instances, function calls, plain answers and prose.

Purpose: an endless, seeded stream of :class:`Document`.  A document is a prompt (see
``samplers/models/prompt.py``) and an answer; training weighs the tokens of the two differently.
Sources: the generator in this package, and for prose the docstrings of the standard library of
the running Python (PSF licence).  Cost: about 5000 documents a second on one core.
"""

# ruff: noqa: E501  (lists of data and of sentences)

from __future__ import annotations

import importlib
import inspect
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from samplers.models.prompt import prompt_for
from samplers.models.training import sentences, words
from samplers.models.training.fields import (
    CATALOGUE,
    HELD_OUT_RECORDS,
    RECORDS,
    RECORDS_BY_FIELD,
    TRAINING_RECORDS,
    Drawer,
    Schema,
    Style,
    Value,
    array,
    record,
    styled,
)
from samplers.models.training.values import Scene

DRAFTS = ("https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema#")
VERBS = ("create", "get", "update", "find", "search", "add", "book", "send", "delete", "list")
SCALARS = tuple(key for key in CATALOGUE if key not in RECORDS_BY_FIELD)
MODULES = (
    "abc argparse array ast asyncio base64 bisect calendar cmath collections configparser contextlib copy csv ctypes "
    "dataclasses datetime decimal difflib dis email enum fileinput fnmatch fractions ftplib functools gettext glob gzip "
    "hashlib heapq hmac html http.client imaplib inspect io ipaddress itertools json logging lzma mailbox math mimetypes "
    "numbers operator os pathlib pickle platform plistlib pprint queue random re sched secrets selectors shelve shlex shutil "
    "signal smtplib socket sqlite3 ssl stat statistics string struct subprocess tarfile tempfile textwrap threading time "
    "timeit tokenize traceback types typing unicodedata unittest urllib.parse urllib.request uuid warnings wave weakref "
    "xml.dom.minidom xml.etree.ElementTree zipfile"
).split()


@dataclass(frozen=True, slots=True)
class Document:
    """A prompt and its answer; either may be empty, never both."""

    prompt: str
    answer: str


def rendered(value: Value, rng: random.Random) -> str:
    """``value`` as JSON in one of the usual styles."""
    style = rng.random()
    ascii_only = rng.random() < 0.1
    if style < 0.5:
        return json.dumps(value, ensure_ascii=ascii_only)
    if style < 0.8:
        return json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":"))
    return json.dumps(value, ensure_ascii=ascii_only, indent=2 if rng.random() < 0.8 else 4)


def article(noun: str) -> str:
    """``noun`` with its indefinite article."""
    return ("an " if noun[0] in "aeiou" else "a ") + noun


class Generator:
    """The stream of documents of one seed.  ``held_out`` selects the records and names that training never sees."""

    def __init__(self, seed: int | str, held_out: bool = False, invented: float = 0.0) -> None:
        self.rng = random.Random(seed)
        self.held_out = held_out
        self.invented = invented
        self._prose: list[str] | None = None

    # Schemas ----------------------------------------------------------------------------

    def _record(self) -> tuple[str, Schema, Drawer, Scene]:
        rng = self.rng
        scene = Scene(rng)
        style = Style(rng, self.held_out)
        style.invented = self.invented
        if self.held_out and rng.random() < 0.6:
            title = rng.choice(HELD_OUT_RECORDS)
            fields = RECORDS[title]
            keep = 0.95
        elif rng.random() < 0.2:
            title = rng.choice(TRAINING_RECORDS)
            fields = tuple(rng.sample(tuple(CATALOGUE), rng.randint(1, 7)))
            keep = 1.0
        else:
            title = rng.choice(TRAINING_RECORDS)
            fields = RECORDS[title]
            keep = rng.choice((0.45, 0.7, 0.85, 1.0))
            if rng.random() < 0.2:
                fields = (*fields, *rng.sample(tuple(CATALOGUE), rng.randint(1, 3)))
            elif rng.random() < 0.05:
                fields = (*fields, *rng.sample(tuple(CATALOGUE), rng.randint(5, 14)))
        schema, draw = record(fields, style, keep)(scene)
        return title.rstrip("!"), schema, draw, scene

    def _decorated(self, schema: Schema, title: str) -> Schema:
        """``schema`` with the annotations and rearrangements of schemas that people write."""
        rng = self.rng
        properties = schema.get("properties", {})
        if properties and rng.random() < 0.08:
            nested = [name for name, inner in properties.items() if inner.get("type") in ("object", "array")]
            name = rng.choice(nested) if nested else rng.choice(tuple(properties))
            definitions = rng.choice(("$defs", "definitions"))
            key = rng.choice((name, name.capitalize(), "".join(part.capitalize() for part in name.split("_"))))
            properties = {**properties, name: {"$ref": f"#/{definitions}/{key}"}}
            schema = {**schema, "properties": properties, definitions: {key: schema["properties"][name]}}
            if rng.random() < 0.5:
                schema = {definitions: schema.pop(definitions), **schema}
        front: Schema = {}
        if rng.random() < 0.12:
            front["$schema"] = rng.choice(DRAFTS)
        if rng.random() < 0.35:
            front["title"] = styled(title, rng.choice(("pascal", "title", "snake")))
        if rng.random() < 0.15:
            front["description"] = rng.choice(
                (f"{article(title).capitalize()}.", f"The {title}", f"Describes {article(title)}")
            )
        return {**front, **schema}

    def _instruction(self, title: str) -> str:
        text = self.rng.choice(sentences.INSTRUCTIONS).replace("a {record}", article(title)).replace("{record}", title)
        return text if self.rng.random() < 0.8 else text.rstrip(".")

    def schema_document(self) -> Document:
        """A schema and an instance of it."""
        rng = self.rng
        title, schema, draw, scene = self._record()
        if rng.random() < 0.06 and not self.held_out:
            item = (schema, draw)
            schema, draw = array(lambda _: item, 1, 3)(scene)
        value = draw(scene)
        instruction: str | None = None
        chance = rng.random()
        if chance < 0.35:
            instruction = self._instruction(title)
        elif chance < 0.5 and isinstance(value, dict):
            facts = [
                f"{name.replace('_', ' ')} {shown if isinstance(shown, str) else json.dumps(shown)}"
                for name, shown in value.items()
                if isinstance(shown, str | int | float) and len(str(shown)) < 40 and rng.random() < 0.5
            ]
            if facts:
                instruction = rng.choice(
                    ("Extract: ", f"{article(title).capitalize()} with ", "Use ", "JSON for ")
                ) + ", ".join(facts)
        return Document(prompt_for(self._decorated(schema, title), instruction), rendered(value, rng))

    def free_document(self) -> Document:
        """An instance without a schema."""
        title, _, draw, scene = self._record()
        schema = self.rng.choice(({}, True, None, {"type": "object"}))
        value = rendered(draw(scene), self.rng)
        if schema is None:
            return Document("", value)
        return Document(prompt_for(schema, self._instruction(title) if self.rng.random() < 0.85 else None), value)

    def call_document(self) -> Document:
        """A function call: a name and its arguments."""
        rng = self.rng
        title, schema, draw, scene = self._record()
        name = styled(f"{rng.choice(VERBS)} {title}", rng.choice(("snake", "snake", "camel")))
        first, second = rng.choice(
            (("name", "arguments"), ("name", "parameters"), ("function", "arguments"), ("tool", "input"))
        )
        named = {"const": name} if rng.random() < 0.5 else {"type": "string", "enum": [name]}
        whole_schema = {
            "type": "object", "properties": {first: named, second: schema}, "required": [first, second],
        }  # fmt: skip
        request = f"{rng.choice(('Call the function', 'Use the tool', 'Please', 'I want to'))} {name.replace('_', ' ')}"
        return Document(
            prompt_for(whole_schema, request if rng.random() < 0.5 else None),
            rendered({first: name, second: draw(scene)}, rng),
        )

    # Text -------------------------------------------------------------------------------

    def answer_document(self) -> Document:
        """An instruction with a short plain answer: a value, a choice, an expression."""
        rng = self.rng
        scene = Scene(rng)
        form = rng.randrange(10)
        if form < 5:
            key = rng.choice(SCALARS)
            field = CATALOGUE[key]
            _, draw = field.kind(scene)
            value = draw(scene)
            name = rng.choice(field.names)
            ask = rng.choice(("Write {}.", "Give me {}.", "Generate {}.", "Example of {}:", "{}")).format(article(name))
            if isinstance(value, list):
                value = rng.choice((", ", "\n", "; ")).join(str(part) for part in value)
            if isinstance(value, dict):
                value = json.dumps(value)
            return Document(prompt_for(None, ask), value if isinstance(value, str) else json.dumps(value))
        if form == 5:
            good = rng.random() < 0.5
            review = scene.fill(
                sentences.REVIEW[:4] + sentences.REVIEW[5:6] if good else sentences.REVIEW[7:8] + sentences.REVIEW[11:]
            )
            pair = rng.choice((("positive", "negative"), ("Positive", "Negative"), ("good", "bad")))
            ask = f"Is this review {pair[0]} or {pair[1]}? {review}"
            return Document(prompt_for(None, ask), pair[0] if good else pair[1])
        if form == 6:
            options = scene.sample(
                rng.choice((words.COLORS, words.ANIMALS, words.SPORTS, words.TAGS, words.GENRES)), 2, 5
            )
            return Document(prompt_for(None, f"Choose one of: {', '.join(options)}"), rng.choice(options))
        if form == 7:
            left, right, more = (rng.randint(1, 20) for _ in range(3))
            expression = rng.choice((f"{left} + {right}", f"{left} * {right}", f"({left} + {right}) * {more}",
                                     f"{left} - {right} / {more}", f"{left} + {right} * {more}", f"x + {right}"))  # fmt: skip
            if rng.random() < 0.3:
                expression = expression.replace(" ", "")
            return Document(
                prompt_for(None, rng.choice(("Write an arithmetic expression.", "Write an expression."))), expression
            )
        if form == 8:
            table = rng.choice(("users", "orders", "products", "customers", "employees"))
            column, other = rng.sample(("id", "name", "email", "price", "city", "age", "status"), 2)
            query = rng.choice((f"SELECT {column} FROM {table}", f"SELECT {column}, {other} FROM {table} WHERE {other} = {rng.randint(1, 99)}",
                                f"SELECT * FROM {table} WHERE {column} = '{scene.city}' ORDER BY {other}"))  # fmt: skip
            return Document(prompt_for(None, rng.choice((f"Write a query for {table}.", "Write an SQL query."))), query)
        text = scene.paragraph(sentences.PROSE, 1, 3)
        return Document(
            prompt_for(None, rng.choice(("Write a sentence.", "Write a short text.", "Write something."))), text
        )

    def prose_document(self) -> Document:
        """Prose without a prompt: sentences of the generator or a docstring of the standard library."""
        if self.rng.random() < 0.5:
            return Document("", Scene(self.rng).paragraph(sentences.PROSE, 2, 5))
        if self._prose is None:
            self._prose = standard_library_prose()
        return Document("", self.rng.choice(self._prose))

    def document(self) -> Document:
        """The next document of the mixture."""
        chance = self.rng.random()
        if chance < 0.68 or self.held_out:
            return self.schema_document()
        if chance < 0.77:
            return self.free_document()
        if chance < 0.83:
            return self.call_document()
        if chance < 0.95:
            return self.answer_document()
        return self.prose_document()

    def __iter__(self) -> Iterator[Document]:
        while True:
            yield self.document()


def standard_library_prose() -> list[str]:
    """Paragraphs of the docstrings of the standard library, without doctests."""
    found: dict[str, None] = {}
    for name in MODULES:
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        members: list[Any] = [module]
        for _, member in inspect.getmembers(module):
            if inspect.isclass(member) or inspect.isroutine(member):
                members.append(member)
                if inspect.isclass(member):
                    members.extend(inner for inner in vars(member).values() if inspect.isroutine(inner))
        for member in members:
            documentation = getattr(member, "__doc__", None)
            if not isinstance(documentation, str) or ">>>" in documentation:
                continue
            for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(documentation)):
                text = " ".join(paragraph.split())
                if 60 <= len(text) <= 700 and text[:1].isupper() and text[-1] == ".":
                    found[text] = None
    return list(found)
