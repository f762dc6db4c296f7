"""The catalogue of fields and the records that are made of them.

Purpose: each field knows its names (and synonyms), how it is described, its schema and its
values.  A *kind* is called once per schema and returns the schema of the field together with a
drawer of values, so that the instances of an array share one schema.  Names that end in ``!``
are held out: no training document uses them, only the evaluation does.
"""

# ruff: noqa: E501  (lists of data, one entry a line)

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from samplers.models.training import sentences, words
from samplers.models.training.values import MONTHS, NOUNS, WEEKDAYS, Scene, slug

Value = Any
Schema = dict[str, Any]
Drawer = Callable[[Scene], Value]
Kind = Callable[[Scene], tuple[Schema, Drawer]]


# Kinds ------------------------------------------------------------------------------------


def text(draw: Callable[[Scene], str], form: str | None = None, pattern: str | None = None) -> Kind:
    """A string; ``form`` is the schema's format, ``pattern`` its pattern (each shown in most schemas)."""

    def kind(scene: Scene) -> tuple[Schema, Drawer]:
        schema: Schema = {"type": "string"}
        if form is not None and scene.chance(0.7):
            schema["format"] = form
        elif pattern is not None and scene.chance(0.6):
            schema["pattern"] = pattern
        elif form is None and pattern is None and scene.chance(0.12):
            schema["minLength"] = 1
            if scene.chance(0.5):
                schema["maxLength"] = scene.pick((50, 64, 100, 120, 200, 255, 500))
                return schema, lambda inner: draw(inner)[: schema["maxLength"]]
        return schema, draw

    return kind


def whole(draw: Callable[[Scene], int], low: int | None = None, high: int | None = None) -> Kind:
    """An integer, whose schema sometimes shows its bounds."""

    def kind(scene: Scene) -> tuple[Schema, Drawer]:
        schema: Schema = {"type": "integer"}
        if low is not None and scene.chance(0.4):
            schema["minimum"] = low
        if high is not None and scene.chance(0.4):
            schema["maximum"] = high
        return schema, draw

    return kind


def number(draw: Callable[[Scene], float], low: float | None = None, high: float | None = None) -> Kind:
    """A number with a fraction, whose schema sometimes shows its bounds."""

    def kind(scene: Scene) -> tuple[Schema, Drawer]:
        schema: Schema = {"type": "number"}
        if low is not None and scene.chance(0.4):
            schema["minimum"] = low
        if high is not None and scene.chance(0.4):
            schema["maximum"] = high
        return schema, draw

    return kind


def flag(probability: float = 0.6) -> Kind:
    """A boolean."""
    return lambda scene: ({"type": "boolean"}, lambda inner: inner.chance(probability))


def choice(*lists: str) -> Kind:
    """An enumeration: one of ``lists`` (words separated by commas), shuffled or cut now and then; or a free string."""

    def kind(scene: Scene) -> tuple[Schema, Drawer]:
        options = [item.strip() for item in scene.pick(lists).split(",")]
        if scene.chance(0.15):
            return {"type": "string"}, lambda inner: inner.pick(options)
        if scene.chance(0.3):
            scene.rng.shuffle(options)
        if scene.chance(0.3) and len(options) > 3:
            options = options[: scene.rng.randint(2, len(options))]
        if scene.chance(0.1):
            options = [option.upper() for option in options]
        schema: Schema = {"type": "string", "enum": options}
        if scene.chance(0.15):
            del schema["type"]
        return schema, lambda inner: inner.pick(options)

    return kind


def array(item: Kind, low: int = 1, high: int = 4) -> Kind:
    """A list of values of one kind, distinct ones."""

    def kind(scene: Scene) -> tuple[Schema, Drawer]:
        inner_schema, draw = item(scene)
        schema: Schema = {"type": "array", "items": inner_schema}
        bottom = low
        if scene.chance(0.15):
            schema["minItems"] = bottom = max(1, low)
        if scene.chance(0.12):
            schema["maxItems"] = scene.pick((high, high + 1, 5, 10)) if high <= 5 else high
        if scene.chance(0.08):
            schema["uniqueItems"] = True

        def draw_list(inner: Scene) -> list[Value]:
            result: list[Value] = []
            for position in range(inner.rng.randint(bottom, high)):
                value = draw(inner if position == 0 else Scene(inner.rng))
                if value not in result:
                    result.append(value)
            return result

        return schema, draw_list

    return kind


def either(*kinds: Kind) -> Kind:
    """One of several kinds, chosen once per schema."""
    return lambda scene: scene.pick(kinds)(scene)


def mapping(key: Callable[[Scene], str], item: Kind) -> Kind:
    """An object with free keys."""

    def kind(scene: Scene) -> tuple[Schema, Drawer]:
        inner_schema, draw = item(scene)
        schema: Schema = {"type": "object", "additionalProperties": inner_schema}
        return schema, lambda inner: {key(Scene(inner.rng)): draw(inner) for _ in range(inner.rng.randint(1, 3))}

    return kind


@dataclass(frozen=True)
class Field:
    """One entry of the catalogue."""

    names: tuple[str, ...]
    held_out: tuple[str, ...]
    kind: Kind
    descriptions: tuple[str, ...]
    prefixes: tuple[str, ...] = ()


CATALOGUE: dict[str, Field] = {}

# Keys of the catalogue that tell similar fields apart and are no names of fields themselves.
KEYS_ONLY = frozenset(
    """
other person,generic description,amount number,product description,event description,recipe description,ticket description,
software description,travel description,ingredient list,ingredient amounts,comments text,currency amount,theme setting,
ticket title,text value,state name,weather summary
""".replace("\n", "").split(",")
)

PERSON_PREFIXES = (
    "customer",
    "user",
    "author",
    "contact",
    "owner",
    "employee",
    "guest",
    "student",
    "manager",
    "sender",
)
PLACE_PREFIXES = (
    "home",
    "billing",
    "shipping",
    "birth",
    "office",
    "work",
    "departure",
    "arrival",
    "destination",
    "store",
)
DATE_PREFIXES = (
    "order",
    "event",
    "invoice",
    "start",
    "release",
    "delivery",
    "booking",
    "registration",
    "hire",
    "visit",
)


def add(names: str, kind: Kind, descriptions: str = "", prefixes: tuple[str, ...] = ()) -> None:
    """Adds a field under its first name; ``names`` and ``descriptions`` are separated by ``|``."""
    every = names.split("|")
    CATALOGUE[every[0]] = Field(
        tuple(name for name in every[every[0] in KEYS_ONLY :] if not name.endswith("!")),
        tuple(name[:-1] for name in every if name.endswith("!")),
        kind,
        tuple(part for part in descriptions.split("|") if part),
        prefixes,
    )


def between(low: int, high: int) -> Callable[[Scene], int]:
    return lambda scene: scene.rng.randint(low, high)


def real(low: float, high: float, places: int) -> Callable[[Scene], float]:
    return lambda scene: round(scene.rng.uniform(low, high), places)


def one_of(options: Sequence[str]) -> Callable[[Scene], str]:
    return lambda scene: scene.pick(options)


def about(templates: Sequence[str], low: int = 1, high: int = 2) -> Kind:
    return text(lambda scene: scene.paragraph(templates, low, high))


def line(templates: Sequence[str]) -> Kind:
    return text(lambda scene: scene.fill(templates))


# Record kinds -------------------------------------------------------------------------------


def styled(name: str, style: str) -> str:
    """``name`` (words separated by spaces) in a style of names."""
    parts = name.split(" ")
    match style:
        case "camel":
            return parts[0] + "".join(part.capitalize() for part in parts[1:])
        case "pascal":
            return "".join(part.capitalize() for part in parts)
        case "kebab":
            return "-".join(parts)
        case "title":
            return " ".join(part.capitalize() for part in parts)
        case _:
            return "_".join(parts)


STYLES = ("snake",) * 10 + ("camel",) * 7 + ("pascal", "kebab", "title")


class Style:
    """The conventions of one schema: how names are written, what is required, how much is described."""

    def __init__(self, rng: random.Random, held_out: bool = False) -> None:
        self.name_style = rng.choice(STYLES)
        self.described = rng.random() < 0.3
        self.required = rng.choice(("all", "all", "most", "some", "none"))
        self.closed = rng.random() < 0.45
        self.nullable = rng.random() < 0.25
        self.held_out = held_out
        self.invented = 0.0  # the share of names that say nothing about their field, so that they must be copied


def invented_name(rng: random.Random) -> str:
    """One to three words that no field is called, some of them not even words."""
    pool = (words.TITLE_NOUNS, words.PROJECT_WORDS, words.TAGS, words.RELIABLE_WORDS, words.SERVICES, words.ANIMALS)
    parts = [rng.choice(rng.choice(pool)).lower().replace("-", " ") for _ in range(rng.randint(1, 2))]
    if rng.random() < 0.4:
        letters = rng.choices("abcdefghiklmnoprstuvwy", k=rng.randint(3, 7))
        parts.append("".join(letters))
    return " ".join(parts)


def record(fields: Sequence[str], style: Style | None = None, keep: float = 0.8) -> Kind:
    """An object with some of ``fields`` (keys of the catalogue), in their order or shuffled."""

    def kind(scene: Scene) -> tuple[Schema, Drawer]:
        rng = scene.rng
        rules = style if style is not None else Style(rng)
        chosen = [name for name in fields if rng.random() < keep] or [fields[0]]
        if rng.random() < 0.2:
            rng.shuffle(chosen)
        properties: dict[str, Schema] = {}
        drawers: dict[str, Drawer] = {}
        required: list[str] = []
        for key in chosen:
            field = CATALOGUE[key]
            pool = field.names
            if rules.held_out and field.held_out:
                pool = field.held_out
            name = pool[0] if rng.random() < 0.5 else rng.choice(pool)
            if field.prefixes and rng.random() < 0.18 and not rules.held_out:
                name = f"{rng.choice(field.prefixes)} {name}"
            if rules.invented and rng.random() < rules.invented:
                name = invented_name(rng)
            name = styled(name, rules.name_style)
            if name in properties:
                continue
            schema, draw = RECORDS_BY_FIELD[key](scene, rules) if key in RECORDS_BY_FIELD else field.kind(scene)
            if rules.described and field.descriptions and rng.random() < 0.7:
                schema = {**schema, "description": rng.choice(field.descriptions)}
            if rules.nullable and rng.random() < 0.25 and "type" in schema and "enum" not in schema:
                schema, draw = nullable(schema, draw, rng)
            properties[name] = schema
            drawers[name] = draw
            share = {"all": 1.0, "most": 0.75, "some": 0.35, "none": 0.0}[rules.required]
            if share in (0.0, 1.0):
                is_required = share == 1.0
            else:
                is_required = rng.random() < share
            if is_required:
                required.append(name)
        if rng.random() < 0.12:
            name = styled(
                " ".join((rng.choice(words.RELIABLE_WORDS), rng.choice(NOUNS + words.LABEL_KEYS))), rules.name_style
            )
            if name not in properties:
                properties[name], drawers[name] = UNKNOWN(scene)
        result: Schema = {"type": "object", "properties": properties}
        if required:
            result["required"] = required
        if rules.closed:
            result["additionalProperties"] = False

        def draw_record(inner: Scene) -> dict[str, Value]:
            skipping = 0.15 if inner.chance(0.25) else 0.0
            return {
                name: draw(inner) for name, draw in drawers.items() if name in required or not inner.chance(skipping)
            }

        return result, draw_record

    return kind


def nullable(schema: Schema, draw: Drawer, rng: random.Random) -> tuple[Schema, Drawer]:
    """The same field, or null."""
    if rng.random() < 0.6:
        wrapped = {**schema, "type": [schema["type"], "null"]}
    else:
        wrapped = {"anyOf": [schema, {"type": "null"}]}
    return wrapped, lambda inner: None if inner.chance(0.3) else draw(inner)


# A field whose name says nothing about its values.
UNKNOWN = either(
    text(lambda s: s.pick(words.RELIABLE_WORDS + words.TAGS)),
    text(lambda s: s.fill(sentences.GENERIC)),
    whole(lambda s: s.rng.randint(0, 100)),
    number(lambda s: round(s.rng.uniform(0, 100), 2)),
    flag(),
    array(text(lambda s: s.pick(words.TAGS)), 1, 3),
    array(whole(lambda s: s.rng.randint(0, 50)), 1, 4),
)

# Scalars --------------------------------------------------------------------------------------

add(
    "name|full name|display name",
    text(lambda s: s.full_name),
    "Full name|The person's name|Name of the person",
    PERSON_PREFIXES,
)
add("first name|given name|forename!", text(lambda s: s.first), "First name|Given name of the person", PERSON_PREFIXES)
add("last name|surname|family name", text(lambda s: s.last), "Last name|Family name", PERSON_PREFIXES)
add(
    "other person|author|manager|owner|contact|assignee|instructor|reporter|organizer|created by|director|doctor|reviewer"
    "|speaker!|supervisor!",
    text(lambda s: s.other_name),
    "Name of the person in charge|Who is responsible",
)
add(
    "people|authors|participants|attendees|members|cast|guests|players!|contributors",
    array(text(lambda s: s.other_name), 1, 4),
    "Names of the people|List of names",
)
add("username|user name|login|nickname|handle!", text(lambda s: s.user), "Name of the account|Unique user name")
add(
    "email|email address|mail|e mail!", text(lambda s: s.email, "email"), "Email address|Contact email", PERSON_PREFIXES
)
add("emails|email addresses|recipients|cc", array(text(lambda s: s.email, "email"), 1, 3), "List of email addresses")
add(
    "phone|phone number|telephone|mobile|fax|cell phone!",
    text(lambda s: s.phone),
    "Phone number|Contact number",
    PERSON_PREFIXES,
)
add("age|years old!", whole(lambda s: s.age, 0, 120), "Age in years|The person's age")
add("gender|sex", choice("male,female,other", "male,female,non-binary", "M,F"), "Gender")
add("marital status", choice("single,married,divorced,widowed"))
add("birth date|date of birth|birthday|dob!", text(lambda s: s.birth_day.isoformat(), "date"), "Date of birth")
add("nationality|citizenship!", text(lambda s: s.country), "Nationality of the person")
add("job title|job|occupation|position|profession!", text(lambda s: s.job), "Job title|What the person does")
add("department|team|division!", text(one_of(words.DEPARTMENTS)), "Department of the company")
add(
    "salary|annual salary|base salary|income",
    either(whole(lambda s: s.rng.randint(28, 190) * 1000, 0), number(lambda s: s.rng.randint(56, 380) * 500.0, 0)),
    "Yearly salary|Gross salary",
)
add("bio|about|biography|profile summary", about(sentences.BIO), "Short biography|About the person")
add("skills|expertise|competencies!", array(text(one_of(words.SKILLS)), 2, 5), "List of skills")
add("hobbies|interests|pastimes!", array(text(one_of(words.HOBBIES)), 1, 4), "Hobbies and interests")
add("languages|spoken languages", array(text(one_of(words.LANGUAGES)), 1, 3), "Languages that are spoken")
add("language|native language", text(one_of(words.LANGUAGES)), "Language of the text")
add("locale|language code|lang", text(one_of(words.LANGUAGE_CODES)), "Language tag")
add("nickname|alias", text(lambda s: s.first), "Short name")
add("relationship", choice("spouse,parent,sibling,friend,child,partner", "mother,father,brother,sister"))
add("street|street address|address line 1|address line!", text(lambda s: s.street), "Street and number", PLACE_PREFIXES)
add("city|city name|town|municipality!", text(lambda s: s.city), "City|Name of the city", PLACE_PREFIXES)
add("state|region|province|county!", text(lambda s: s.place[1]), "State or region", PLACE_PREFIXES)
add("postal code|zip code|zip|postcode!", text(lambda s: s.postal_code), "Postal code", PLACE_PREFIXES)
add("country|country name|nation!", text(lambda s: s.country), "Country|Name of the country", PLACE_PREFIXES)
add("country code", text(lambda s: s.place[3], None, "^[A-Z]{2}$"), "ISO 3166 country code")
add(
    "full address|address|postal address|location",
    text(lambda s: s.address),
    "Full address|Where it is",
    PLACE_PREFIXES,
)
add("latitude|lat", number(lambda s: s.latitude, -90, 90), "Latitude in degrees")
add("longitude|lon|lng|long", number(lambda s: s.longitude, -180, 180), "Longitude in degrees")
add("time zone|timezone", text(lambda s: s.place[8]), "IANA time zone")
add(
    "place|location|where|origin|destination|hometown|birthplace!|departure city|arrival city|from|to",
    text(lambda s: s.pick(words.PLACES)[0]),
    "Where it takes place|Name of the place",
)
add(
    "cities|locations|destinations|stops|offices",
    array(text(lambda s: s.pick(words.PLACES)[0]), 1, 4),
    "List of cities",
)
add("countries", array(text(lambda s: s.pick(words.PLACES)[2]), 1, 4), "List of countries")
add(
    "population|inhabitants!",
    whole(lambda s: s.rng.randint(5, 9000) * 1000 + s.rng.randrange(1000), 0),
    "Number of inhabitants",
)
add("area|area km2", number(real(20, 2500, 1), 0), "Area in square kilometers")

add("company|company name|organization|employer|business name!", text(lambda s: s.company), "Name of the company")
add("vendor|supplier|manufacturer|publisher|client|merchant!|sponsor", text(lambda s: s.company), "Name of the company")
add("industry|sector!", text(one_of(words.INDUSTRIES)), "Industry of the company")
add("website|url|homepage|link|web site!", text(lambda s: s.link, "uri"), "Web address|Link to the page")
add("links|urls|references", array(text(lambda s: s.link, "uri"), 1, 3), "Related links")
add(
    "image url|avatar|photo|thumbnail|image|logo url|picture!",
    text(
        lambda s: (
            f"https://{s.domain if s.chance(0.4) else 'example.com'}/images/{s.pick((s.user, slug(s.goods[0]), s.digits(3)))}.{s.pick(('png', 'jpg'))}"
        ),
        "uri",
    ),
    "Link to an image",
)
add(
    "employees|employee count|number of employees|headcount!",
    whole(lambda s: s.pick((5, 12, 25, 48, 80, 120, 250, 340, 500, 1200, 4500)), 1),
    "Number of employees",
)
add("founded|founded year|year founded|established!", whole(between(1890, 2023), 1800, 2030), "Year of foundation")
add("revenue|annual revenue|turnover!", whole(lambda s: s.rng.randint(1, 900) * 100000, 0), "Revenue per year")

add("product name|product|item name|item|article name!", text(lambda s: s.product_name), "Name of the product")
add("products|items list|wishlist", array(text(lambda s: s.product_name), 1, 4), "Names of the products")
add("product description|description|details", about(sentences.PRODUCT), "Description of the product")
add(
    "category|product category|section",
    either(
        text(lambda s: s.goods[1]),
        choice(
            "Electronics,Clothing,Home,Books,Sports",
            "electronics,clothing,food,books,toys,other",
            "electronics,furniture,clothing,toys",
        ),
    ),
    "Category of the product",
)
add("categories", array(text(lambda s: s.goods[1]), 1, 3), "Categories")
add("price|unit price|cost|list price|retail price!", number(lambda s: s.price, 0), "Price|Price per unit")
add(
    "total|total amount|amount|total price|subtotal|balance|grand total!|budget",
    number(lambda s: round(s.price * s.rng.randint(1, 6), 2), 0),
    "Total amount|Amount to pay",
)
add(
    "tax|vat|shipping cost|tip|fee|tax amount",
    number(lambda s: round(s.price * s.pick((0.05, 0.07, 0.1, 0.19, 0.2)), 2), 0),
    "Tax",
)
add(
    "tax rate|discount rate|vat rate",
    number(lambda s: s.pick((0.05, 0.07, 0.08, 0.1, 0.15, 0.19, 0.2, 0.21, 0.25)), 0, 1),
    "Rate between 0 and 1",
)
add(
    "discount|discount percent|percentage|percent",
    either(
        whole(lambda s: s.pick((0, 5, 10, 15, 20, 25, 30, 50)), 0, 100),
        number(lambda s: s.pick((0.0, 2.5, 5.0, 7.5, 10.0, 12.5, 15.0, 20.0)), 0, 100),
    ),
    "Percentage",
)
add(
    "currency|currency code",
    either(text(lambda s: s.place[9], None, "^[A-Z]{3}$"), choice("USD,EUR,GBP", "USD,EUR,GBP,JPY,CAD")),
    "ISO 4217 currency code",
)
add(
    "quantity|qty|count|units|pieces!",
    whole(lambda s: s.pick((1, 1, 1, 2, 2, 3, 4, 5, 6, 8, 10, 12, 20)), 0, 1000),
    "Number of units|How many",
)
add("stock|inventory|stock quantity|in stock count|units available!", whole(between(0, 450), 0), "Units in stock")
add(
    "sku|product code|item code|part number|article number!",
    text(
        lambda s: s.pick(
            (
                f"{s.letters(3)}-{s.digits(4)}",
                f"{s.letters(2)}-{s.digits(5)}",
                f"{s.letters(3)}{s.digits(5)}",
                f"SKU-{s.digits(5)}",
            )
        ),
        None,
        "^[A-Z0-9-]+$",
    ),
    "Stock keeping unit",
)
add("barcode|ean|gtin", text(lambda s: s.digits(13), None, "^[0-9]{13}$"), "Bar code")
add("isbn", text(lambda s: f"978-{s.digits(1)}-{s.digits(2)}-{s.digits(6)}-{s.rng.randrange(10)}"), "ISBN of the book")
add("brand|make brand", text(one_of(words.BRANDS)), "Brand")
add(
    "color|colour|shade!",
    either(
        text(one_of(words.COLORS)), choice("red,green,blue", "black,white,gray,silver", "red,blue,green,yellow,black")
    ),
    "Color",
)
add("colors", array(text(one_of(words.COLORS)), 1, 4), "Available colors")
add(
    "hex color|color code|background color|primary color",
    text(lambda s: f"#{s.hexadecimal(6)}", None, "^#[0-9a-fA-F]{6}$"),
    "Color in hexadecimal",
)
add("size", choice("XS,S,M,L,XL", "S,M,L", "small,medium,large"), "Size")
add("sizes", array(choice("XS,S,M,L,XL,XXL"), 1, 4), "Available sizes")
add("material|fabric!", text(one_of(words.MATERIALS)), "Material")
add(
    "weight|weight kg|mass!",
    number(lambda s: round(float(s.goods[3]) * s.rng.uniform(0.7, 1.4), 2), 0),
    "Weight in kilograms",
)
add("width|depth", either(number(real(5, 180, 1), 0), whole(between(5, 220), 0)), "Width in centimeters")
add("height|length", either(number(real(5, 220, 1), 0), whole(between(10, 240), 0)), "Height in centimeters")
add("body height|height cm", whole(between(150, 200), 0), "Body height in centimeters")
add(
    "unit|measure|unit of measure",
    either(text(one_of(words.UNITS)), choice("g,kg,ml,l", "cm,m,km", "celsius,fahrenheit", "metric,imperial")),
    "Unit",
)
add(
    "rating|score|average rating|stars|user rating!",
    either(number(real(2.5, 5, 1), 0, 5), whole(between(1, 5), 1, 5), whole(between(1, 5), 0, 5)),
    "Rating from 1 to 5",
)
add(
    "reviews count|review count|votes|likes|views|followers|downloads|shares!",
    whole(lambda s: s.rng.choice((s.rng.randrange(60), s.rng.randrange(2500), s.rng.randrange(90000))), 0),
    "How often",
)
add("review|comment|feedback|review text|opinion!", about(sentences.REVIEW), "Text of the review")
add("comments text|notes list|remarks list", array(line(sentences.NOTE), 0, 3), "Notes")
add("is active|active|enabled|is enabled|available|in stock|visible|published", flag(0.75), "Whether it is active")
add(
    "is verified|verified|confirmed|approved|paid|is paid|completed|done|delivered",
    flag(0.6),
    "Whether it is confirmed",
)
add(
    "is admin|featured|is default|archived|is deleted|remote|is public|gift wrap|newsletter|subscribed|urgent|private|is premium!",
    flag(0.35),
    "Whether it applies",
)
add(
    "has parking|pets allowed|smoking|furnished|vegetarian|vegan|gluten free|wheelchair accessible!",
    flag(0.5),
    "Whether it applies",
)

add(
    "id|identifier|record id|user id|order id|product id|reference id",
    either(
        whole(between(1, 9999), 1),
        text(lambda s: s.uuid, "uuid"),
        text(lambda s: s.uuid, "uuid"),
        text(lambda s: f"{s.pick(('usr', 'ord', 'itm', 'evt', 'prd'))}_{s.hexadecimal(8)}"),
        text(lambda s: s.digits(6)),
        whole(lambda s: int(s.digits(5))),
    ),
    "Unique identifier",
)
add(
    "order number|order id|invoice number|ticket id|reference|confirmation code|booking reference|tracking number|document number!",
    text(
        lambda s: s.pick(
            (
                f"{s.letters(3)}-{s.digits(5)}",
                f"ORD-{s.digits(5)}",
                f"INV-{s.pick(('2023', '2024', '2025'))}-{s.shaped('####')}",
                s.digits(8),
                f"{s.letters(2)}{s.digits(6)}",
            )
        )
    ),
    "Number of the document|Reference number",
)
add("uuid|guid|session id|request id|trace id|correlation id!", text(lambda s: s.uuid, "uuid"), "UUID")
add("hash|checksum|token|api key|commit|signature", text(lambda s: s.hexadecimal(s.pick((8, 16, 32)))), "Hash")
add(
    "status",
    choice(
        "active,inactive,pending",
        "pending,shipped,delivered,cancelled",
        "open,in_progress,resolved,closed",
        "draft,published,archived",
        "todo,in progress,done",
        "paid,unpaid,overdue",
        "success,error,warning",
        "confirmed,pending,cancelled",
        "available,sold,reserved",
        "new,processing,completed,failed",
    ),
    "Current status",
)
add(
    "state name|stage|phase",
    choice("open,closed", "planning,active,completed", "running,stopped,paused", "pending,approved,rejected"),
    "Current state",
)
add(
    "priority|severity|urgency!",
    choice("low,medium,high", "low,normal,high,urgent", "minor,major,critical", "P1,P2,P3"),
    "Priority",
)
add(
    "role|user role|access level!",
    choice("admin,user,guest", "admin,editor,viewer", "owner,member", "student,teacher", "manager,employee,contractor"),
    "Role of the user",
)
add(
    "roles|permissions|scopes",
    array(choice("admin,user,editor,viewer", "read,write,delete", "read,write,admin"), 1, 3),
    "Roles of the user",
)
add(
    "level|difficulty|skill level",
    choice("beginner,intermediate,advanced", "easy,medium,hard", "junior,mid,senior"),
    "Level",
)
add(
    "payment method|payment type",
    choice("credit_card,paypal,bank_transfer", "card,cash,transfer", "credit card,debit card,cash"),
    "How it was paid",
)
add(
    "shipping method|delivery method|shipping",
    choice("standard,express,overnight", "pickup,delivery", "standard,express"),
    "How it is sent",
)
add("carrier|courier!", text(one_of(words.CARRIERS)), "Carrier")
add(
    "card last four|last four digits",
    text(lambda s: s.shaped("####"), None, "^[0-9]{4}$"),
    "Last four digits of the card",
)
add("iban|account number|bank account", text(lambda s: f"{s.place[3]}{s.digits(2)}{s.digits(16)}"), "Bank account")
add(
    "type|kind",
    choice(
        "standard,premium,basic",
        "internal,external",
        "home,work,other",
        "personal,business",
        "full-time,part-time,contract",
        "text,image,video",
    ),
    "Type",
)
add(
    "employment type|contract type",
    choice("full-time,part-time,contract,internship", "full_time,part_time,contract"),
    "Type of employment",
)
add(
    "plan|subscription|tier|membership!",
    choice("free,basic,premium", "free,pro,enterprise", "basic,standard,premium"),
    "Plan of the account",
)
add("frequency|interval|recurrence!", choice("daily,weekly,monthly", "once,daily,weekly,monthly,yearly"), "How often")

add("date|day|on date", text(lambda s: s.day.isoformat(), "date"), "Date|Date of the event", DATE_PREFIXES)
add(
    "start date|from date|check in|begin date!|valid from", text(lambda s: s.first_day.isoformat(), "date"), "First day"
)
add(
    "end date|due date|deadline|check out|expiry date|valid until|until!",
    text(lambda s: s.last_day.isoformat(), "date"),
    "Last day|When it is due",
)
add(
    "created at|updated at|timestamp|date time|modified at|last login|published at|occurred at!|created",
    text(lambda s: s.moment, "date-time"),
    "Time of creation|When it happened",
)
add("start|start at|start datetime|departure time|scheduled at", text(lambda s: s.moment, "date-time"), "Start")
add("end|end at|end datetime|arrival time", text(lambda s: s.moment, "date-time"), "End")
add(
    "time|start time|opening time|opens at|from time",
    either(
        text(lambda s: s.clock),
        text(lambda s: s.clock, None, "^[0-9]{2}:[0-9]{2}$"),
        text(lambda s: s.seconds_clock, "time"),
    ),
    "Time of day",
)
add("end time|closing time|closes at|finish time!", text(lambda s: s.clock), "Time of day")
add(
    "duration|duration minutes|length minutes|running time!",
    whole(lambda s: s.pick((5, 10, 15, 20, 30, 45, 60, 90, 95, 110, 120, 142, 180)), 0),
    "Duration in minutes",
)
add(
    "iso duration",
    text(lambda s: s.pick(("PT15M", "PT30M", "PT1H", "PT1H30M", "PT2H", "P1D", "P7D")), "duration"),
    "Duration",
)
add("year|release year|publication year|model year|published year", whole(between(1950, 2025), 1900, 2100), "Year")
add("month", either(text(one_of(MONTHS)), whole(between(1, 12), 1, 12)), "Month")
add(
    "weekday|day of week",
    either(text(one_of(WEEKDAYS)), choice("Monday,Tuesday,Wednesday,Thursday,Friday,Saturday,Sunday")),
    "Day of the week",
)
add(
    "days|opening days|workdays",
    array(choice("Monday,Tuesday,Wednesday,Thursday,Friday,Saturday,Sunday", "mon,tue,wed,thu,fri,sat,sun"), 1, 4),
    "Days of the week",
)
add("season", choice("spring,summer,autumn,winter"), "Season")
add("unix time|epoch|created ts", whole(lambda s: s.rng.randint(1577836800, 1767225600)), "Seconds since 1970")

add("title|headline|subject line|heading!", line(sentences.ARTICLE_TITLE), "Title|Title of the article")
add("summary|abstract|excerpt|synopsis!", about(sentences.ARTICLE), "Short summary|What it is about")
add("content|body|text", about(sentences.ARTICLE, 1, 3), "Text of the article")
add("generic description|description|info|overview", about(sentences.GENERIC, 1, 1), "Description|A short description")
add(
    "note|notes|remarks|special instructions|remark|additional information!",
    about(sentences.NOTE, 1, 1),
    "Notes|Anything else",
)
add("message|message text", about(sentences.MESSAGE, 1, 2), "Text of the message")
add("subject", line(sentences.SUBJECT), "Subject of the message")
add("question", line(sentences.QUESTION), "The question")
add(
    "answer",
    either(
        text(lambda s: s.pick((s.city, s.country, s.full_name, s.digits(2), "Yes", "No"))),
        about(sentences.ARTICLE, 1, 1),
    ),
    "The answer",
)
add("quote", line(sentences.QUOTE), "A quotation")
add("tags|labels|keywords|topics|hashtags!", array(text(one_of(words.TAGS)), 1, 5), "Tags|List of tags")
add("topic|theme|area of interest", text(lambda s: s.topic), "Topic")
add("label|tag|group", text(one_of(words.TAGS)), "Label")
add("sentiment", choice("positive,negative,neutral", "positive,neutral,negative,mixed"), "Sentiment of the text")
add("confidence|probability|similarity|relevance", number(real(0.5, 1, 2), 0, 1), "Confidence between 0 and 1")
add(
    "metadata|labels map|attributes|annotations|extra",
    mapping(lambda s: s.pick(words.LABEL_KEYS), text(lambda s: s.pick(words.TAGS + words.RELIABLE_WORDS))),
    "Free attributes",
)

add(
    "event name|event|event title",
    text(
        lambda s: s.pick(
            (
                f"{s.topic.title()} {s.pick(words.EVENT_KINDS)}",
                s.pick(words.EVENT_KINDS),
                f"{s.city} {s.pick(words.EVENT_KINDS)}",
            )
        )
    ),
    "Name of the event",
)
add("event description|agenda", about(sentences.EVENT, 1, 2), "Description of the event")
add("venue|room|meeting room", text(one_of(words.VENUES)), "Where the event takes place")
add(
    "capacity|max attendees|seats|max participants|participants count",
    whole(lambda s: s.pick((4, 8, 10, 12, 20, 25, 30, 50, 80, 100, 150, 200, 300, 500)), 1),
    "Number of people",
)

add("recipe name|dish|recipe|meal", text(lambda s: s.dish), "Name of the dish")
add("recipe description|description|about", about(sentences.RECIPE, 1, 1), "About the dish")
add("cuisine", text(one_of(words.CUISINES)), "Cuisine")
add("ingredient|ingredient name|food", text(one_of(words.INGREDIENTS)), "Name of the ingredient")
add("ingredient list|ingredients", array(text(one_of(words.INGREDIENTS)), 2, 6), "Ingredients")
add(
    "ingredient amounts|ingredients",
    array(
        text(
            lambda s: f"{s.pick((1, 2, 3, 50, 100, 200, 250, 500))} {s.pick(words.UNITS)} {s.pick(words.INGREDIENTS)}"
        ),
        2,
        5,
    ),
    "Ingredients",
)
add("steps|instructions|directions|method!", array(line(sentences.RECIPE_STEP), 2, 5), "Steps of the preparation")
add("servings|portions|serves!", whole(lambda s: s.pick((1, 2, 2, 3, 4, 4, 4, 6, 8, 12)), 1), "Number of servings")
add(
    "prep time|cooking time|cook time|prep time minutes|preparation time",
    whole(lambda s: s.pick((5, 10, 15, 20, 25, 30, 40, 45, 60, 90)), 0),
    "Time in minutes",
)
add("calories|kcal", whole(between(80, 950), 0), "Energy in kilocalories")
add("protein|fat|carbs|sugar grams", either(whole(between(1, 60), 0), number(real(0.5, 60, 1), 0)), "Grams")
add(
    "amount number|amount",
    either(
        whole(lambda s: s.pick((1, 2, 3, 4, 50, 100, 200, 250, 500)), 0),
        number(lambda s: s.pick((0.5, 1.0, 1.5, 2.0, 100.0, 250.0)), 0),
    ),
    "Amount",
)

add("book title|title|album|movie title|film|series!", text(lambda s: s.title), "Title of the work")
add("plot|synopsis|story|description", about(sentences.STORY, 1, 2), "What happens")
add("genre", text(one_of(words.GENRES)), "Genre")
add("genres", array(text(one_of(words.GENRES)), 1, 3), "Genres")
add("music genre|genre|style", text(one_of(words.MUSIC_GENRES)), "Genre of the music")
add(
    "artist|band|composer|singer!",
    text(lambda s: s.pick((s.other_name, f"The {s.pick(words.TITLE_ADJECTIVES)} {s.pick(words.TITLE_NOUNS)}s"))),
    "Artist",
)
add("pages|page count|number of pages", whole(between(60, 820), 1), "Number of pages")
add("tracks|songs", array(text(lambda s: s.title), 2, 5), "Titles of the tracks")

add(
    "weather|condition|conditions|weather condition",
    either(text(one_of(words.WEATHER)), choice("sunny,cloudy,rainy,snowy", "clear,cloudy,rain,snow")),
    "Weather",
)
add("weather summary|forecast|description", line(sentences.WEATHER), "Forecast")
add(
    "temperature|temp|temperature celsius|max temperature|feels like",
    either(number(real(-8, 36, 1)), whole(between(-8, 36))),
    "Temperature in degrees Celsius",
)
add("humidity", whole(between(20, 98), 0, 100), "Relative humidity in percent")
add("wind speed|wind", either(number(real(0, 45, 1), 0), whole(between(0, 60), 0)), "Wind speed in km/h")
add("wind direction", choice("N,NE,E,SE,S,SW,W,NW", "north,south,east,west"), "Direction of the wind")
add("pressure", either(whole(between(985, 1035), 0), number(real(985, 1035, 1), 0)), "Pressure in hPa")

add("job description|description", about(sentences.JOB, 1, 2), "Description of the job")
add(
    "requirements|qualifications|responsibilities",
    array(
        text(
            lambda s: s.pick(
                (
                    f"{s.rng.randint(1, 8)} years of experience",
                    f"Experience with {s.pick(words.SKILLS)}",
                    f"{s.pick(words.DEGREES)}",
                    f"Fluent {s.pick(words.LANGUAGES)}",
                    f"Knowledge of {s.topic}",
                )
            )
        ),
        1,
        4,
    ),
    "What is required",
)
add(
    "benefits|perks",
    array(
        text(
            one_of(
                (
                    "Health insurance",
                    "Remote work",
                    "Paid vacation",
                    "Gym membership",
                    "Free lunch",
                    "Stock options",
                    "Training budget",
                    "Flexible hours",
                )
            )
        ),
        1,
        4,
    ),
    "Benefits",
)
add("years of experience|experience years|experience", whole(between(0, 20), 0), "Years of experience")
add("degree|education level", text(one_of(words.DEGREES)), "Degree")
add("university|school|institution|college!", text(one_of(words.UNIVERSITIES)), "Name of the school")
add("major|field of study|subject area", text(one_of(words.MAJORS)), "Field of study")
add("course|course name|class name", text(one_of(words.COURSES)), "Name of the course")
add("courses", array(text(one_of(words.COURSES)), 1, 4), "Courses")
add("grade", either(choice("A,B,C,D,F"), number(real(1, 4, 1)), whole(between(50, 100), 0, 100)), "Grade")
add("gpa", number(real(2, 4, 2), 0, 4), "Grade point average")
add("credits|points", whole(lambda s: s.pick((2, 3, 3, 4, 5, 6, 10, 50, 100)), 0), "Credits")

add("ticket title|title|issue|issue title", line(sentences.TICKET_TITLE), "Title of the ticket")
add("ticket description|description|problem|complaint!", about(sentences.TICKET, 1, 2), "What went wrong")
add("task|task name|title|todo|action", line(sentences.TASK), "What to do")
add("tasks|todos|action items|checklist!", array(line(sentences.TASK), 1, 4), "List of tasks")
add(
    "estimated hours|hours|effort|hours worked",
    either(number(lambda s: s.pick((0.5, 1.0, 1.5, 2.0, 4.0, 7.5, 8.0)), 0), whole(between(1, 40), 0)),
    "Hours",
)
add(
    "progress|completion",
    either(whole(lambda s: s.rng.randrange(0, 101, 5), 0, 100), number(real(0, 1, 2), 0, 1)),
    "Progress",
)
add("assignees", array(text(lambda s: s.other_name), 1, 3), "Who works on it")

add("project name|project", text(lambda s: s.project), "Name of the project")
add(
    "package name|module|library|repository",
    text(lambda s: s.pick((s.project, f"{s.project}-{s.service}", f"@{s.project}/{s.service}"))),
    "Name of the package",
)
add("software description|description", about(sentences.SOFTWARE, 1, 1), "What the software does")
add(
    "version|app version|software version!", text(lambda s: s.version, None, "^\\d+\\.\\d+\\.\\d+$"), "Semantic version"
)
add("license", either(text(one_of(words.LICENSES)), choice("MIT,Apache-2.0,GPL-3.0")), "License")
add("service|service name|component|app", text(lambda s: s.service), "Name of the service")
add("services|components|modules", array(text(one_of(words.SERVICES)), 1, 4), "Names of the services")
add("host|hostname|server|domain", text(lambda s: s.host, "hostname"), "Name of the host")
add(
    "port",
    whole(lambda s: s.pick((22, 25, 80, 443, 3000, 3306, 5000, 5432, 6379, 8000, 8080, 8443, 9090)), 1, 65535),
    "Port",
)
add("ip address|ip|client ip|remote address!", text(lambda s: s.address_v4, "ipv4"), "IP address")
add("mac address", text(lambda s: ":".join(s.hexadecimal(2) for _ in range(6))), "Hardware address")
add(
    "path|file path|directory|folder!",
    text(
        lambda s: s.pick(
            (
                f"/var/{s.service}/{s.file}",
                f"/home/{s.user}/{s.file}",
                f"src/{s.service}.py",
                f"/data/{s.project}",
                f"./{s.file}",
            )
        )
    ),
    "Path of the file",
)
add("file name|filename|file|document|attachment", text(lambda s: s.file), "Name of the file")
add("files|attachments|documents", array(text(lambda s: s.file), 1, 3), "Names of files")
add("file size|size bytes|bytes", whole(between(200, 8_000_000), 0), "Size in bytes")
add("mime type|content type|media type", text(one_of(words.MIME_TYPES)), "Media type")
add("http method|method", choice("GET,POST,PUT,DELETE", "GET,POST,PUT,PATCH,DELETE"), "HTTP method")
add(
    "status code|http status|response code",
    whole(lambda s: s.pick((200, 200, 200, 201, 204, 301, 400, 401, 403, 404, 500, 503)), 100, 599),
    "HTTP status",
)
add("endpoint|route|request path", text(one_of(words.HTTP_PATHS)), "Path of the request")
add("user agent", text(one_of(words.USER_AGENTS)), "User agent")
add("log level|level", choice("debug,info,warning,error", "DEBUG,INFO,WARN,ERROR"), "Level of the log")
add("log message|message|error message|error", line(sentences.LOG), "Text of the log entry")
add("commit message", line(sentences.COMMIT), "Message of the commit")
add("branch", text(one_of(("main", "main", "develop", "master", "release", "feature/login", "fix/typo"))), "Branch")
add("environment|env", choice("development,staging,production", "dev,test,prod"), "Environment")
add(
    "timeout|timeout seconds|ttl|delay", whole(lambda s: s.pick((5, 10, 15, 30, 60, 120, 300, 600, 3600)), 0), "Seconds"
)
add("retries|max retries|attempts", whole(between(0, 10), 0), "Number of attempts")
add(
    "max size|limit|page size|batch size|max connections",
    whole(lambda s: s.pick((1, 5, 10, 20, 25, 50, 64, 100, 128, 200, 256, 500, 512, 1000, 1024)), 1),
    "Upper bound",
)
add("page|offset|index|position number|order", whole(between(0, 30), 0), "Position")
add("debug|verbose|cache enabled|ssl|use tls|strict|dark mode", flag(0.4), "Turns it on")
add(
    "database|database name|db name",
    text(one_of(("app", "users", "orders", "inventory", "analytics", "main", "postgres", "products"))),
    "Name of the database",
)
add(
    "query|search|search term|q",
    text(
        lambda s: s.pick(
            (
                s.topic,
                s.goods[0].lower(),
                f"{s.goods[0].lower()} in {s.city}",
                f"best {s.goods[0].lower()}",
                f"hotels in {s.city}",
                f"weather in {s.city}",
            )
        )
    ),
    "What to search for",
)
add(
    "dependencies",
    mapping(lambda s: s.pick(words.FRAMEWORKS), text(lambda s: s.pick((f"^{s.version}", f">={s.version}", s.version)))),
    "Dependencies",
)
add(
    "environment variables",
    mapping(
        lambda s: s.pick(("PORT", "DEBUG", "HOST", "LOG_LEVEL", "API_URL", "NODE_ENV", "TZ")),
        text(lambda s: s.pick(("8080", "true", "info", "localhost", "production", "UTC"))),
    ),
    "Variables",
)
add(
    "command|script",
    text(
        lambda s: s.pick(
            (
                f"npm run {s.pick(('build', 'test', 'start'))}",
                "python main.py",
                "make build",
                f"docker run {s.service}",
                "pytest -q",
                "./run.sh",
            )
        )
    ),
    "Command line",
)
add(
    "image tag|docker image|container image",
    text(
        lambda s: (
            f"{s.pick((s.project, s.service, 'nginx', 'postgres', 'redis', 'python'))}:{s.pick(('latest', '1.25', '3.11', s.version))}"
        )
    ),
    "Image",
)

add("make|car make|car brand", text(lambda s: s.pick(words.CAR_MAKES)[0]), "Maker of the car")
add("model|car model", text(lambda s: s.pick(words.CAR_MAKES)[1]), "Model")
add("license plate|plate number", text(lambda s: f"{s.letters(3)}-{s.digits(4)}"), "License plate")
add("vin", text(lambda s: f"1{s.letters(2)}{s.letters(2)}{s.digits(12)}"), "Vehicle identification number")
add("mileage|odometer", whole(lambda s: s.rng.randrange(0, 210000, 100), 0), "Mileage")
add("fuel type|fuel", choice("petrol,diesel,electric,hybrid", "gasoline,diesel,electric"), "Fuel")
add("speed|max speed", either(whole(between(10, 240), 0), number(real(5, 240, 1), 0)), "Speed in km/h")
add("distance|distance km", number(real(0.5, 900, 1), 0), "Distance in kilometers")
add("airline", text(one_of(words.AIRLINES)), "Airline")
add(
    "flight number",
    text(lambda s: f"{s.letters(2)}{s.rng.randint(100, 9999)}", None, "^[A-Z]{2}[0-9]{3,4}$"),
    "Flight number",
)
add(
    "airport|airport code|from airport|to airport|departure airport!|arrival airport!",
    text(one_of(words.AIRPORTS), None, "^[A-Z]{3}$"),
    "IATA code of the airport",
)
add("seat|seat number", text(lambda s: f"{s.rng.randint(1, 40)}{s.pick('ABCDEF')}"), "Seat")
add("gate", text(lambda s: f"{s.pick('ABCDE')}{s.rng.randint(1, 60)}"), "Gate")
add("cabin class|travel class", choice("economy,business,first"), "Class")
add(
    "passengers count|passengers|guests count|adults|number of guests|party size!",
    whole(lambda s: s.pick((1, 1, 2, 2, 3, 4, 5, 6)), 1, 20),
    "Number of people",
)
add("bedrooms|bathrooms|rooms|number of rooms|floors!", whole(between(1, 5), 0), "Number of rooms")
add("square meters|floor area|square feet", whole(between(25, 320), 0), "Floor area")
add(
    "rent|price per night|monthly rent",
    either(whole(lambda s: s.rng.randrange(60, 2800, 5), 0), number(lambda s: float(s.rng.randrange(60, 2800, 5)), 0)),
    "Price",
)
add(
    "property type|housing type",
    choice("apartment,house,studio", "apartment,house,villa,condo", "single,double,suite"),
    "Type of property",
)
add(
    "amenities|facilities!",
    array(
        text(
            one_of(
                (
                    "wifi",
                    "parking",
                    "pool",
                    "kitchen",
                    "air conditioning",
                    "gym",
                    "washing machine",
                    "balcony",
                    "garden",
                    "breakfast",
                )
            )
        ),
        1,
        5,
    ),
    "Amenities",
)
add("travel description|description", about(sentences.TRAVEL, 1, 2), "Description")
add(
    "hotel|hotel name|restaurant|restaurant name|place name",
    text(
        lambda s: s.pick(
            (
                f"{s.pick(('Hotel', 'Cafe', 'Restaurant'))} {s.pick(words.TITLE_NOUNS)}",
                f"The {s.pick(words.TITLE_ADJECTIVES)} {s.pick(words.TITLE_NOUNS)}",
                f"Grand Hotel {s.city}",
                f"{s.last}'s Kitchen",
            )
        )
    ),
    "Name of the place",
)

add(
    "species|animal|animal type",
    either(text(lambda s: s.animal), choice("dog,cat,bird,fish", "dog,cat,rabbit,other")),
    "Species",
)
add("breed", text(one_of(words.BREEDS)), "Breed")
add("pet name|name", text(one_of(words.PET_NAMES)), "Name of the animal")
add("sport", text(one_of(words.SPORTS)), "Sport")
add(
    "team name|team|home team|away team",
    text(lambda s: f"{s.pick(words.PLACES)[0]} {s.pick(words.TEAM_NAMES)}"),
    "Name of the team",
)
add("home score|away score|goals|points scored", whole(between(0, 7), 0), "Score")
add("symptoms", array(text(one_of(words.SYMPTOMS)), 1, 3), "Symptoms")
add("diagnosis", text(one_of(words.DIAGNOSES)), "Diagnosis")
add("medication|drug", text(one_of(words.MEDICATIONS)), "Medication")
add("medications|allergies list", array(text(one_of(words.MEDICATIONS)), 0, 3), "Medications")
add("dosage|dose", text(lambda s: f"{s.pick((5, 10, 20, 50, 100, 250, 500))} mg"), "Dose")
add(
    "allergies",
    array(text(one_of(("peanuts", "pollen", "penicillin", "dairy", "gluten", "shellfish", "latex", "eggs"))), 0, 3),
    "Allergies",
)
add("blood type", choice("A+,A-,B+,B-,AB+,AB-,O+,O-"), "Blood type")
add("medical notes|notes", about(sentences.MEDICAL, 1, 2), "Notes of the doctor")
add("heart rate|pulse!", whole(between(52, 128), 0), "Beats per minute")
add("blood pressure", text(lambda s: f"{s.rng.randint(100, 155)}/{s.rng.randint(62, 98)}"), "Blood pressure")
add(
    "sensor|device|sensor id|device id",
    text(lambda s: f"{s.pick(('sensor', 'device', 'node', 'meter'))}-{s.rng.randint(1, 99):02d}"),
    "Name of the device",
)
add("value|reading|measurement", number(real(0, 100, 2)), "Measured value")
add(
    "values|readings|data|scores|measurements|coordinates",
    array(either(number(real(0, 100, 1)), whole(between(0, 100))), 2, 6),
    "Values",
)
add("numbers|ids|counts|item ids", array(whole(between(1, 999)), 1, 5), "Numbers")
add("battery level|battery", whole(between(3, 100), 0, 100), "Battery in percent")
add("x|left|x position", either(whole(between(0, 1280)), number(real(-10, 10, 2))), "Horizontal position")
add("y|top|y position", either(whole(between(0, 800)), number(real(-10, 10, 2))), "Vertical position")
add("key|setting|option", text(one_of(words.LABEL_KEYS)), "Key")
add("text value|value", text(one_of(words.RELIABLE_WORDS)), "Value")
add(
    "code",
    text(
        lambda s: s.pick((s.letters(3), s.digits(4), f"{s.letters(1)}{s.digits(3)}", f"{s.letters(2)}-{s.digits(3)}"))
    ),
    "Code",
)
add("theme setting|theme", choice("light,dark", "light,dark,system"), "Theme")
add(
    "currency amount|donation|amount",
    number(lambda s: s.pick((5.0, 10.0, 20.0, 25.0, 49.9, 99.99, 150.0)), 0),
    "Amount",
)

# Nested objects ------------------------------------------------------------------------------------

NESTED: Mapping[str, tuple[str, Sequence[str], bool]] = {
    # key: (names, fields, is it a list?)
    "address object": (
        "address|shipping address|billing address|home address|location|mailing address!",
        ("street", "city", "state", "postal code", "country"),
        False,
    ),
    "coordinates object": ("coordinates|location|geo|position|gps!", ("latitude", "longitude"), False),
    "person object": (
        "customer|author|contact|user|owner|employee|recipient|applicant!",
        ("name", "email", "phone", "age"),
        False,
    ),
    "emergency contact": ("emergency contact|next of kin!", ("name", "relationship", "phone"), False),
    "contact details": ("contact|contact info|contact details", ("email", "phone", "website"), False),
    "company object": ("company|employer|organization|vendor", ("company", "industry", "website", "employees"), False),
    "dimensions object": ("dimensions|measurements|package size", ("width", "height", "weight", "unit"), False),
    "price object": ("price|total|amount|cost", ("amount number", "currency"), False),
    "payment object": (
        "payment|payment details|billing",
        ("payment method", "total", "currency", "card last four", "is verified"),
        False,
    ),
    "period object": ("period|date range|stay|availability", ("start date", "end date"), False),
    "line items": ("items|line items|order items|products|cart", ("product name", "quantity", "price", "sku"), True),
    "reviews list": ("reviews|comments|ratings", ("username", "rating", "review", "date"), True),
    "people list": (
        "employees|members|contacts|participants|users|passengers|students",
        ("name", "email", "role", "age"),
        True,
    ),
    "ingredient objects": ("ingredients", ("ingredient", "amount number", "unit"), True),
    "experience list": (
        "experience|work experience|employment history|jobs",
        ("company", "job title", "start date", "end date"),
        True,
    ),
    "education list": ("education|degrees", ("university", "degree", "major", "year"), True),
    "task list": ("tasks|milestones|steps", ("task", "is verified", "end date", "priority"), True),
    "events list": ("events|sessions|schedule|appointments", ("event name", "date", "time", "venue"), True),
    "settings object": ("settings|preferences|options", ("theme setting", "locale", "is active", "is admin"), False),
    "server object": ("server|database|config|connection", ("host", "port", "timeout", "debug"), False),
    "forecast list": ("forecast|days|daily", ("date", "temperature", "weather", "humidity"), True),
    "nutrition object": ("nutrition|nutrition facts", ("calories", "protein", "unit"), False),
    "readings list": ("readings|measurements|data points|series", ("created at", "value", "unit"), True),
    "tracks list": ("tracks|songs|playlist", ("book title", "artist", "duration"), True),
    "files list": ("files|attachments|images", ("file name", "file size", "mime type"), True),
    "metadata object": ("metadata|meta|audit", ("created at", "version", "other person"), False),
    "vehicle object": ("vehicle|car", ("make", "model", "year", "color"), False),
    "pets list": ("pets|animals", ("pet name", "species", "age"), True),
}


def _nested_kind(key: str) -> Callable[[Scene, Style], tuple[Schema, Drawer]]:
    _, fields, is_list = NESTED[key]

    def build(scene: Scene, style: Style) -> tuple[Schema, Drawer]:
        kind = record(fields, style, keep=0.88)
        return (array(kind, 1, 3) if is_list else kind)(scene)

    return build


RECORDS_BY_FIELD: dict[str, Callable[[Scene, Style], tuple[Schema, Drawer]]] = {}
for _key, (_names, _fields, _is_list) in NESTED.items():
    add(f"{_key}|{_names}", record(_fields), "")
    CATALOGUE[_key] = Field(CATALOGUE[_key].names[1:], CATALOGUE[_key].held_out, record(_fields), ())
    RECORDS_BY_FIELD[_key] = _nested_kind(_key)

# Records -------------------------------------------------------------------------------------------


def _split(text_of_fields: str) -> tuple[str, ...]:
    fields = tuple(part.strip() for part in text_of_fields.replace("\n", " ").split(","))
    missing = [name for name in fields if name not in CATALOGUE]
    if missing:
        raise KeyError(f"fields that the catalogue lacks: {missing}")
    return fields


# title: fields.  A title that ends in "!" is held out.
RECORDS: dict[str, tuple[str, ...]] = {
    title: _split(fields)
    for title, fields in {
        "person": "name, age, email, city, tags, is active",
        "user": "id, username, email, is active, role, created at",
        "user profile": "username, name, email, birth date, bio, hobbies, address object, website, image url, settings object",
        "customer": "id, first name, last name, email, phone, address object, is active, created at",
        "contact": "name, email, phone, company, job title, note",
        "employee": "id, first name, last name, job title, department, salary, start date, skills, other person, is active",
        "student": "id, name, age, major, gpa, courses, email",
        "patient": "name, birth date, gender, blood type, symptoms, allergies, medications, medical notes, emergency contact",
        "prescription": "medication, dosage, frequency, start date, duration, note, other person",
        "resume": "name, email, phone, bio, skills, experience list, education list, languages",
        "address": "street, city, state, postal code, country",
        "location": "place, latitude, longitude, country, time zone",
        "city": "city, country, population, area, latitude, longitude, language",
        "company": "company, industry, founded, employees, revenue, website, address object, cities",
        "product": "id, product name, product description, price, currency, category, tags, is active, stock, rating",
        "inventory item": "sku, product name, stock, price, vendor, weight, dimensions object, is active",
        "clothing item": "product name, brand, size, color, material, price, colors, sizes",
        "order": "order number, person object, line items, total, currency, status, created at, address object, payment object",
        "shopping cart": "id, line items, total, currency, discount",
        "invoice": "order number, date, end date, vendor, company, line items, tax, total, currency, is verified",
        "payment": "id, total, currency, payment method, status, created at, card last four",
        "shipment": "order number, carrier, status, address object, weight, date, shipping method",
        "review": "product name, username, rating, review, date, is verified",
        "event": "event name, event description, date, time, end time, venue, city, capacity, people, tags",
        "meeting": "title, date, time, duration, people, venue, tasks, note",
        "calendar event": "event name, start, end, place, emails, note, frequency",
        "appointment": "name, phone, date, time, other person, note, status",
        "weather report": "city, country, date, temperature, humidity, weather, wind speed, weather summary, pressure",
        "weather forecast": "city, unit, forecast list",
        "recipe": "recipe name, recipe description, cuisine, ingredient amounts, steps, prep time, servings, level, tags",
        "meal": "recipe name, calories, protein, ingredient list, servings, nutrition object",
        "book": "book title, other person, year, isbn, genre, pages, vendor, plot, rating, language",
        "movie": "book title, other person, year, genres, people, duration, rating, plot",
        "song": "book title, artist, duration, music genre, year",
        "album": "book title, artist, year, music genre, tracks list, price",
        "article": "title, other person, date, summary, content, tags, reviews count, is active",
        "blog post": "id, title, content, other person, tags, created at, reviews count, reviews list",
        "news item": "title, summary, website, date, topic, place",
        "message": "id, other person, subject, message, created at, files, is verified",
        "email": "emails, subject, message, files, priority",
        "job posting": "job title, company, place, employment type, salary, job description, requirements, benefits, skills",
        "support ticket": "order number, ticket title, ticket description, priority, status, email, created at, tags, assignees",
        "task": "id, task, generic description, priority, status, end date, assignees, estimated hours, tags, is verified",
        "project": "project name, software description, status, start date, end date, people, task list, progress",
        "package": "package name, version, software description, license, other person, dependencies, website, tags",
        "server configuration": "host, port, timeout, debug, max size, log level, environment, server object",
        "deployment": "service, version, environment, image tag, port, retries, environment variables, is active",
        "log entry": "created at, log level, service, log message, ip address, uuid",
        "http request": "http method, endpoint, status code, duration, ip address, user agent, created at",
        "file": "file name, path, file size, mime type, created at, hash, other person",
        "sensor reading": "sensor, value, unit, created at, battery level, coordinates object",
        "car": "make, model, year, color, mileage, fuel type, price, license plate",
        "flight": "flight number, airline, airport, place, start, end, price, seat, gate, cabin class",
        "hotel": "hotel, full address, rating, rent, amenities, travel description, is active",
        "hotel booking": "order number, name, hotel, period object, passengers count, property type, total, note",
        "trip": "place, start date, end date, total, people, cities, note",
        "apartment": "title, full address, rent, bedrooms, square meters, property type, amenities, has parking, travel description",
        "restaurant": "hotel, cuisine, full address, phone, rating, time, end time, has parking, reviews list",
        "reservation": "name, date, time, passengers count, phone, note",
        "pet": "pet name, species, breed, age, weight, is verified, person object",
        "match": "sport, team name, place, date, home score, venue",
        "course": "course, other person, credits, duration, level, start date, summary",
        "quiz question": "question, answer, level, topic, credits",
        "survey response": "id, age, gender, rating, review, created at",
        "classification": "sentiment, confidence, topic, tags",
        "entity": "name, type, confidence, place, date",
        "search": "query, page, max size, category, is active",
        "subscription": "plan, price, currency, start date, frequency, is active, email",
        "account": "iban, name, total, currency, type, is active, created at",
        "transaction": "id, total, currency, date, generic description, category, vendor, status",
        "vehicle record": "vehicle object, vin, license plate, mileage, person object",
        "settings": "theme setting, locale, time zone, is active, is admin, max size",
        "point": "x, y, label, hex color",
        "record": "id, name, type, text value, is active, metadata, values",
        "data set": "package name, generic description, files list, license, version, numbers",
        "family": "last name, people list, address object, pets list",
        "team": "team name, sport, people list, founded, city",
        "commit": "hash, commit message, other person, created at, branch, files",
        # Held out.
        "library loan!": "order number, name, book title, start date, end date, is verified, note",
        "museum exhibit!": "title, artist, year, material, generic description, venue, is active, weight",
        "gym membership!": "first name, last name, plan, price, start date, frequency, emergency contact",
        "charity donation!": "name, email, currency amount, currency, date, message, is admin",
        "car rental!": "person object, vehicle object, period object, rent, place, payment object",
        "pet adoption!": "pet name, breed, age, name, phone, address object, is verified, date",
        "conference talk!": "title, other person, summary, topic, time, duration, venue, level, tags",
        "warranty claim!": "product name, sku, date, ticket description, status, email, total",
        "plant!": "place name, species, height, price, has parking, tags, season".replace("place name", "product name"),
        "bus ticket!": "place, start, seat, price, currency, name, order number",
    }.items()
}
TRAINING_RECORDS = tuple(title for title in RECORDS if not title.endswith("!"))
HELD_OUT_RECORDS = tuple(title for title in RECORDS if title.endswith("!"))
