"""Frameworks: those that are shipped fit the vocabulary and each other; files may add others."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from ledger.errors import ConfigurationError
from ledger.events import EVENT_TYPES
from projections.frameworks.framework import Framework, all_frameworks, shipped

HOUSE = """
id = "house"
name = "Rules of the house"
about = { en = "What we agreed", nl = "Wat we afspraken" }
standards = ["House"]

[[control]]
id = "1"
group = { en = "Access", nl = "Toegang" }
label = { en = "Who comes in", nl = "Wie er binnenkomt" }
primary = ["DataAccessAuthorised"]
supporting = ["LicenceGranted"]
same = ["iso27001 A.5.18"]
cadence = [{ type = "RiskAssessmentCompleted", every = "P6M" }]
"""


def test_what_is_shipped_is_whole() -> None:
    """ISO 27001 with its clauses and 93 controls, NEN 7510 with eight more, 27701 for processors,
    and the GDPR."""
    found = shipped()
    assert {id_: len(each.controls) for id_, each in found.items()} == {
        "gdpr": 67,
        "iso27001": 123,
        "iso27701": 47,
        "nen7510": 101,
    }
    annex = [id_ for id_ in found["iso27001"].controls if id_.startswith("A.")]
    assert Counter(id_.split(".")[1] for id_ in annex) == {"5": 37, "6": 8, "7": 14, "8": 34}
    health = [id_ for id_ in found["nen7510"].controls if id_.endswith(" HLT")]
    assert len(health) == 8
    processor = [id_ for id_ in found["iso27701"].controls if id_.startswith("A.2.")]
    assert len(processor) == 18


def test_every_label_is_there_in_both_languages_and_once() -> None:
    """And says something else in each, but for words that both have."""
    for framework in shipped().values():
        labels = [control.label for control in framework.controls.values()]
        assert len({label.en for label in labels}) == len(labels), framework.id
        assert len({label.nl for label in labels}) == len(labels), framework.id
        for label in labels:
            assert len(label.en) <= 60
            assert label.nl != label.en, label


def test_every_event_type_is_evidence_somewhere() -> None:
    """What is recorded of the agreement, an auditor finds under some control."""
    spoken_of = {t for f in shipped().values() for c in f.controls.values() for t in c.types}
    left = {each.name for each in EVENT_TYPES.values()} - spoken_of
    assert (
        left
        == {
            "AuditorAccessExtended",
            "AuditorAccessRevoked",
        }
        - spoken_of
    )


def test_what_is_the_same_is_so_both_ways() -> None:
    """And exists."""
    found = shipped()
    for id_, framework in found.items():
        for control in framework.controls.values():
            for other, named in control.same:
                assert (id_, control.id) in found[other].controls[named].same, (id_, control.id)


def written(directory: Path, text: str = HOUSE, name: str = "house.toml") -> Path:
    """A directory with one file."""
    (directory / name).write_text(text)
    return directory


def test_a_framework_is_added_as_a_file(tmp_path: Path) -> None:
    """Beside those that are shipped, which stay as they are."""
    found = all_frameworks(written(tmp_path))
    assert set(found) == {*shipped(), "house"}
    control = found["house"].controls["1"]
    assert control.types == ("DataAccessAuthorised", "LicenceGranted")
    assert control.same == (("iso27001", "A.5.18"),)
    assert [(c.type, c.every) for c in control.cadence] == [("RiskAssessmentCompleted", "P6M")]
    assert all_frameworks(None) == all_frameworks(tmp_path / "none") == shipped()


def test_titles_of_a_licensed_copy_take_the_place_of_labels(tmp_path: Path) -> None:
    """Of the controls that they name."""
    titles = "\ufeffid,nl,en\nA.5.5,Titel,Title\n"
    (tmp_path / "iso27001.titles.csv").write_text(titles, encoding="utf-8")
    found: Framework = all_frameworks(tmp_path)["iso27001"]
    assert found.controls["A.5.5"].label.text("nl") == "Titel"
    assert found.controls["A.5.6"] == shipped()["iso27001"].controls["A.5.6"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('id = "house"', 'id = "House rules"'), "small letters"),
        (('id = "house"', 'id = "iso27001"'), "two frameworks iso27001"),
        (('name = "Rules of the house"', ""), "name is needed"),
        (('about = { en = "What we agreed", nl = "Wat we afspraken" }', ""), "about has a text"),
        (('nl = "Toegang"', 'fr = "Accès"'), "control 1: group has a text in nl and en"),
        (("DataAccessAuthorised", "DoorOpened"), "primary has DoorOpened, which is no event type"),
        (('supporting = ["LicenceGranted"]', 'supporting = "LicenceGranted"'), "list of texts"),
        (("LicenceGranted", "DataAccessAuthorised"), "primary or supporting, not both"),
        (("iso27001 A.5.18", "A.5.18"), "`framework control`"),
        (('every = "P6M"', 'every = "half a year"'), "P1Y or P6M"),
        (('every = "P6M"', "every = 6"), "P1Y or P6M"),
        (('type = "RiskAssessmentCompleted"', 'type = "Nothing"'), "no event type"),
        (("supporting =", "suporting ="), "suporting is none of"),
        (("[[control]]", "[control]"), r"\[\[control\]\] is needed"),
        (('id = "1"', 'id = "1/2"'), "a control has an id"),
        (('id = "1"', "id = 1"), "a control has an id"),
        (('id = "house"', 'id = "house'), "not TOML"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(
    tmp_path: Path, change: tuple[str, str], told: str
) -> None:
    """With the file, the control and the field."""
    assert change[0] in HOUSE
    with pytest.raises(ConfigurationError, match=told):
        all_frameworks(written(tmp_path, HOUSE.replace(*change)))


def test_a_control_is_there_once_and_titles_fit(tmp_path: Path) -> None:
    """A control that stands twice, or a title of none, is a mistake."""
    again = HOUSE[HOUSE.index("[[control]]") :]
    with pytest.raises(ConfigurationError, match="control 1 is there twice"):
        all_frameworks(written(tmp_path, HOUSE + again))
    written(tmp_path)
    for line in ("2,x,y", "1,x,", ",x,y"):
        (tmp_path / "house.titles.csv").write_text(f"id,nl,en\n{line}\n")
        with pytest.raises(ConfigurationError, match=r"house\.titles\.csv"):
            all_frameworks(tmp_path)
