"""Values of the training data: one coherent scene per record.

Purpose: a :class:`Scene` draws, lazily, one person, place, company, product, date and so on, so
that the fields of one record agree (the email address belongs to the name, the postal code to
the city).  Cost: microseconds per value.  Every draw comes from the scene's own
``random.Random``, so that a seed fixes the whole data set.
"""

# ruff: noqa: E501  (lists of data)

from __future__ import annotations

import datetime
import random
import re
import unicodedata
from collections.abc import Sequence
from functools import cached_property
from typing import TypeVar

from samplers.models.training import words

Item = TypeVar("Item")
_SLOT = re.compile(r"\{([A-Za-z_0-9]+)\}")
MONTHS = tuple("January February March April May June July August September October November December".split())
WEEKDAYS = tuple("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split())
SEASONS = ("spring", "summer", "autumn", "winter")
PAGES = ("login", "checkout", "profile", "settings", "search", "home", "report", "billing", "contact", "dashboard")
PLACES_OF_USE = (
    "kitchen",
    "office",
    "living room",
    "bedroom",
    "garden",
    "travel",
    "outdoor trips",
    "daily workouts",
    "home",
)
NOUNS = ("project", "product", "service", "item", "record", "event", "place", "team", "document", "device", "account")


def plain(text: str) -> str:
    """``text`` without accents and in lower case, only letters and digits (for addresses and names of accounts)."""
    decomposed = unicodedata.normalize("NFKD", text.replace("ø", "o").replace("Ł", "L").replace("ß", "ss"))
    return re.sub(r"[^a-z0-9]", "", decomposed.encode("ascii", "ignore").decode().lower())


def slug(text: str) -> str:
    """``text`` as words in lower case joined by hyphens."""
    decomposed = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", decomposed).strip("-")


class Scene:
    """What one record is about: everything is drawn once, when first asked for."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def pick(self, options: Sequence[Item]) -> Item:
        """One of ``options``, uniformly."""
        return options[self.rng.randrange(len(options))]

    def sample(self, options: Sequence[Item], low: int, high: int) -> list[Item]:
        """Between ``low`` and ``high`` distinct options."""
        distinct = list(dict.fromkeys(options))
        return self.rng.sample(distinct, min(len(distinct), self.rng.randint(low, high)))

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self.rng.random() < probability

    def digits(self, count: int) -> str:
        """``count`` decimal digits, the first one not zero."""
        return str(self.rng.randint(10 ** (count - 1), 10**count - 1))

    def letters(self, count: int) -> str:
        """``count`` capital letters."""
        return "".join(self.rng.choices("ABCDEFGHJKLMNPQRSTUVWXYZ", k=count))

    def hexadecimal(self, count: int) -> str:
        """``count`` lower-case hexadecimal digits."""
        return "".join(self.rng.choices("0123456789abcdef", k=count))

    def shaped(self, pattern: str) -> str:
        """``pattern`` with each ``#`` a digit and each ``@`` a capital letter."""
        digit_or_letter = {"#": "0123456789", "@": "ABCDEFGHJKLMNPRSTUVWXYZ"}
        return "".join(self.pick(digit_or_letter[char]) if char in digit_or_letter else char for char in pattern)

    # People -----------------------------------------------------------------------------

    @cached_property
    def first(self) -> str:
        return self.pick(words.FIRST_NAMES)

    @cached_property
    def last(self) -> str:
        return self.pick(words.LAST_NAMES)

    @property
    def full_name(self) -> str:
        return f"{self.first} {self.last}"

    @property
    def other_name(self) -> str:
        """The name of somebody else."""
        return f"{self.pick(words.FIRST_NAMES)} {self.pick(words.LAST_NAMES)}"

    @cached_property
    def user(self) -> str:
        first, last = plain(self.first), plain(self.last)
        style = self.rng.randrange(6)
        return (
            f"{first}.{last}", f"{first}{last}", f"{first[:1]}{last}", f"{first}_{last}",
            f"{first}{self.rng.randint(1, 99)}", f"{first}{self.rng.randint(1970, 2005)}",
        )[style]  # fmt: skip

    @cached_property
    def email(self) -> str:
        first, last = plain(self.first), plain(self.last)
        local = self.pick((f"{first}.{last}", f"{first}.{last}", f"{first}", f"{first[:1]}{last}", f"{first}{last}"))
        return f"{local}@{self.pick(words.MAIL_HOSTS) if self.chance(0.75) else self.domain}"

    @cached_property
    def age(self) -> int:
        return self.rng.randint(18, 79)

    @cached_property
    def job(self) -> str:
        return self.pick(words.JOB_TITLES)

    # Places -----------------------------------------------------------------------------

    @cached_property
    def place(self) -> tuple[str, ...]:
        return self.pick(words.PLACES)

    @property
    def city(self) -> str:
        return self.place[0]

    @property
    def country(self) -> str:
        return self.place[2]

    @property
    def street(self) -> str:
        return f"{self.rng.randint(1, 999)} {self.pick(words.STREETS)} {self.pick(words.STREET_KINDS)}"

    @property
    def postal_code(self) -> str:
        return self.shaped(self.place[5])

    @property
    def address(self) -> str:
        forms = (f"{self.street}, {self.city}", f"{self.street}, {self.city}, {self.country}",
                 f"{self.street}, {self.postal_code} {self.city}", self.street)  # fmt: skip
        return self.pick(forms)

    @property
    def phone(self) -> str:
        code = self.place[4]
        forms = (f"+{code} {self.digits(3)} {self.digits(3)} {self.shaped('####')}",
                 f"+{code}-{self.digits(3)}-{self.digits(3)}-{self.shaped('####')}",
                 f"+{code}{self.digits(9)}", f"{self.digits(3)}-555-{self.shaped('####')}",
                 f"({self.digits(3)}) 555-{self.shaped('####')}", f"555-{self.shaped('####')}")  # fmt: skip
        return self.pick(forms)

    @property
    def latitude(self) -> float:
        return round(float(self.place[6]) + self.rng.uniform(-0.05, 0.05), self.rng.choice((2, 4, 4, 6)))

    @property
    def longitude(self) -> float:
        return round(float(self.place[7]) + self.rng.uniform(-0.05, 0.05), self.rng.choice((2, 4, 4, 6)))

    # Companies and goods ----------------------------------------------------------------

    @cached_property
    def company(self) -> str:
        form = self.rng.randrange(4)
        if form == 0:
            return f"{self.pick(words.LAST_NAMES)} {self.pick(words.COMPANY_KINDS)}"
        if form == 1:
            return f"{self.pick(words.COMPANY_STEMS)} {self.pick(words.COMPANY_STEMS)} {self.pick(words.COMPANY_KINDS)}"
        return f"{self.pick(words.COMPANY_STEMS)} {self.pick(words.COMPANY_KINDS)}"

    @cached_property
    def domain(self) -> str:
        return f"{plain(self.company.split()[0])}.{self.pick(words.DOMAIN_ENDINGS)}"

    @cached_property
    def goods(self) -> tuple[str, ...]:
        return self.pick(words.PRODUCTS)

    @cached_property
    def product_name(self) -> str:
        form = self.rng.randrange(4)
        if form == 0:
            return self.goods[0]
        if form == 1:
            return f"{self.pick(words.BRANDS)} {self.goods[0]}"
        return f"{self.pick(words.ADJECTIVES)} {self.goods[0]}"

    @cached_property
    def price(self) -> float:
        amount = float(self.goods[2]) * self.rng.uniform(0.5, 1.8)
        ending = self.rng.randrange(4)
        if ending == 0:
            return round(amount, 2)
        if ending == 1 and amount > 10:
            return float(round(amount))
        return max(0, int(amount)) + (0.99 if ending == 2 else 0.5 if ending == 1 else 0.95)

    @cached_property
    def animal(self) -> str:
        return self.pick(words.ANIMALS)

    @cached_property
    def dish(self) -> str:
        return self.pick(words.DISHES)

    @cached_property
    def topic(self) -> str:
        return self.pick(words.TOPICS)

    @cached_property
    def service(self) -> str:
        return self.pick(words.SERVICES)

    @cached_property
    def project(self) -> str:
        return self.pick(words.PROJECT_WORDS)

    @property
    def title(self) -> str:
        """The title of a book, film or album."""
        forms = (f"The {self.pick(words.TITLE_ADJECTIVES)} {self.pick(words.TITLE_NOUNS)}",
                 f"{self.pick(words.TITLE_ADJECTIVES)} {self.pick(words.TITLE_NOUNS)}",
                 f"The {self.pick(words.TITLE_NOUNS)} of {self.pick(words.TITLE_NOUNS)}s",
                 f"{self.pick(words.TITLE_NOUNS)} and {self.pick(words.TITLE_NOUNS)}",
                 f"A {self.pick(words.TITLE_NOUNS)} in {self.city}")  # fmt: skip
        return self.pick(forms)

    # Times ------------------------------------------------------------------------------

    @property
    def day(self) -> datetime.date:
        """A date of recent years."""
        return datetime.date(2018, 1, 1) + datetime.timedelta(days=self.rng.randrange(3300))

    @cached_property
    def first_day(self) -> datetime.date:
        """The first day of a period."""
        return self.day

    @property
    def last_day(self) -> datetime.date:
        """The last day of the period that ``first_day`` begins."""
        return self.first_day + datetime.timedelta(days=self.pick((1, 2, 3, 5, 7, 14, 30, 60, 365, 730)))

    @property
    def birth_day(self) -> datetime.date:
        return datetime.date(1948, 1, 1) + datetime.timedelta(days=self.rng.randrange(21500))

    @property
    def clock(self) -> str:
        return f"{self.rng.randint(6, 22):02d}:{self.pick((0, 0, 15, 30, 30, 45)):02d}"

    @property
    def seconds_clock(self) -> str:
        return f"{self.rng.randrange(24):02d}:{self.rng.randrange(60):02d}:{self.pick((0, self.rng.randrange(60))):02d}"

    @property
    def moment(self) -> str:
        """A date and time of RFC 3339."""
        zone = self.pick(("Z", "Z", "Z", "Z", "+01:00", "+02:00", "-05:00", "+00:00"))
        return f"{self.day.isoformat()}T{self.seconds_clock}{zone}"

    # Computing --------------------------------------------------------------------------

    @property
    def uuid(self) -> str:
        text = self.hexadecimal(32)
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{self.pick('89ab')}{text[17:20]}-{text[20:]}"

    @property
    def host(self) -> str:
        return f"{self.service}.{self.pick(words.HOST_ENDINGS)}"

    @property
    def link(self) -> str:
        forms = (f"https://www.{self.domain}", f"https://{self.domain}/{slug(self.topic)}",
                 f"https://www.example.com/{self.service}", f"https://example.com/{self.pick(PAGES)}/{self.rng.randint(1, 999)}",
                 f"https://{self.domain}")  # fmt: skip
        return self.pick(forms)

    @property
    def file(self) -> str:
        stem = self.pick(words.FILE_STEMS)
        if self.chance(0.3):
            stem += self.pick(("_", "-", "_")) + self.pick(("2023", "2024", "01", "v2", "final", "old"))
        return f"{stem}.{self.pick(words.FILE_ENDINGS)}"

    @property
    def version(self) -> str:
        return f"{self.rng.choice((0, 1, 1, 2, 3, 4, 10))}.{self.rng.randrange(13)}.{self.rng.randrange(10)}"

    @property
    def address_v4(self) -> str:
        start = self.pick(("192.168", "10.0", "172.16", "203.0", "198.51"))
        return f"{start}.{self.rng.randrange(256)}.{self.rng.randint(1, 254)}"

    # Text -------------------------------------------------------------------------------

    def slot(self, name: str) -> str:
        """The value of one slot of a template."""
        rng = self.rng
        match name:
            case "adjective" | "adjective2":
                return self.pick(words.ADJECTIVES).lower()
            case "Adjective":
                return self.pick(words.ADJECTIVES).capitalize()
            case "product":
                return self.goods[0].lower()
            case "material":
                return self.pick(words.MATERIALS)
            case "place_of_use":
                return self.pick(PLACES_OF_USE)
            case "color":
                return self.pick(words.COLORS)
            case "brand":
                return self.pick(words.BRANDS)
            case "count" | "count2" | "years" | "rooms":
                return str(rng.randint(2, 9 if name != "count" else 15))
            case "minutes":
                return str(rng.choice((10, 15, 20, 25, 30, 40, 45, 60)))
            case "milliseconds":
                return str(rng.randint(3, 980))
            case "port":
                return str(rng.choice((80, 443, 3000, 5000, 5432, 6379, 8000, 8080, 9090)))
            case "error_code":
                return str(rng.choice((400, 401, 403, 404, 500, 502, 503)))
            case "temperature":
                return str(rng.choice((160, 170, 180, 190, 200, 220, 350, 375, 400)))
            case "temperature_c":
                return str(rng.randint(-5, 36))
            case "year":
                return str(rng.choice((1950, 1960, 1970, 1980, 2021, 2022, 2023, 2024, 2025)))
            case "month":
                return self.pick(MONTHS)
            case "weekday":
                return self.pick(WEEKDAYS)
            case "season":
                return self.pick(SEASONS)
            case "music":
                return self.pick(words.MUSIC_GENRES).lower()
            case "venue":
                return self.pick(words.VENUES)
            case "event":
                return self.pick(words.EVENT_KINDS).lower()
            case "department":
                return self.pick(words.DEPARTMENTS)
            case "ingredient" | "ingredient2":
                return self.pick(words.INGREDIENTS)
            case "cuisine":
                return self.pick(words.CUISINES)
            case "genre":
                return self.pick(words.GENRES).lower()
            case "noun":
                return self.pick(NOUNS)
            case "skill" | "skill2":
                return self.pick(words.SKILLS)
            case "hobby" | "hobby2":
                return self.pick(words.HOBBIES)
            case "page":
                return self.pick(PAGES)
            case "framework":
                return self.pick(words.FRAMEWORKS)
            case "file_ending":
                return self.pick(words.FILE_ENDINGS)
            case "symptom":
                return self.pick(words.SYMPTOMS)
            case "medication":
                return self.pick(words.MEDICATIONS)
            case "weather" | "weather2":
                return self.pick(words.WEATHER)
            case "Weather":
                return self.pick(words.WEATHER).capitalize()
            case "Topic":
                return self.topic.title()
            case "dish":
                return self.dish.lower()
            case _:
                value = getattr(self, name)
                assert isinstance(value, str)
                return value

    def fill(self, templates: Sequence[str]) -> str:
        """One of ``templates`` with its slots filled."""
        return _SLOT.sub(lambda match: self.slot(match.group(1)), self.pick(templates))

    def paragraph(self, templates: Sequence[str], low: int = 1, high: int = 3) -> str:
        """Some sentences of one subject."""
        return " ".join(dict.fromkeys(self.fill(templates) for _ in range(self.rng.randint(low, high))))
