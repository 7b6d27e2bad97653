"""What the READMEs tell a newcomer to type at Telegram and Meta is what Natiq then uses."""

from __future__ import annotations

import re

import pytest

from bot.channels.telegram.webhook import PATH as TELEGRAM_PATH
from bot.channels.whatsapp.notice import CHOICE, LINE, reply_notice
from bot.channels.whatsapp.probe import PATH as WHATSAPP_PATH
from core.catalogue import Catalogue
from core.messages import Language
from core.settings import Settings
from tests.support.places import ROOT

READMES = ("README.md", "README.ar.md")

#: A quick-reply button of a template takes so many characters.
BUTTON = 25


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", READMES)
@pytest.mark.parametrize("language", ["ar", "en"])
def test_the_template_to_create_is_the_one_that_is_sent(
    catalogue: Catalogue, name: str, language: Language
) -> None:
    text = read(name)
    template = Settings(_env_file=None).whatsapp_template
    assert f"`{template}`" in text
    notice = reply_notice(catalogue, template, {"ar": "{{1}}", "en": "{{1}}"})(language)
    assert notice.template is not None
    assert (notice.template.name, notice.template.parameters) == (template, ("{{1}}",))
    # Isolates keep a name's direction in our own chat; in the template Meta sets the parameter.
    words = re.sub("[\u2066-\u2069\u200e\u200f]", "", notice.text)
    label = catalogue.label(CHOICE, language)
    assert f"{language}      {words}\nbutton  {label}\n" in text, LINE
    assert len(label) <= BUTTON


@pytest.mark.parametrize("name", READMES)
def test_the_addresses_and_settings_are_ours(name: str) -> None:
    text = read(name)
    assert f"https://natiq.example{WHATSAPP_PATH}" in text
    for setting in Settings.model_fields:
        if setting.startswith("whatsapp_") and setting not in ("whatsapp_api_url",):
            wanted = f"NATIQ_{setting.upper()}"
            assert wanted in text or setting == "whatsapp_template", wanted


def test_the_example_of_settings_names_both_addresses() -> None:
    text = read(".env.example")
    assert f"NATIQ_PUBLIC_URL{TELEGRAM_PATH}" in text
    assert f"NATIQ_PUBLIC_URL{WHATSAPP_PATH}" in text
