"""Sentences in both languages: the same values in each, and a value that is a sentence follows the language."""

from __future__ import annotations

import re

from mobigo.school.sentences import read_sentences, say


def test_both_languages_fill_in_the_same_values() -> None:
    for key, said in read_sentences().items():
        assert set(re.findall(r"{(\w+)}", said.en)) == set(re.findall(r"{(\w+)}", said.fr)), key
        assert said.en != said.fr, key


def test_a_value_that_is_a_sentence_is_said_in_the_language_of_the_whole() -> None:
    said = say("moved_lost", pupil="p/1", session="matin", stop="Place", why=say("why_nobody_drives"))
    assert said.en.endswith("nobody drives this session")
    assert said.fr.endswith("personne ne roule à ce service")
