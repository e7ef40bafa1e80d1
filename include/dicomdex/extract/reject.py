"""Why a file is no record: the closed list of reject reasons, each with one plain sentence and what to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """One reject reason: what it says about the file, and what a person does about it."""

    sentence: str
    what_to_do: str


REASONS: dict[str, Reason] = {
    "empty": Reason(
        "The file has no bytes.",
        "Ask the sender to send it again.",
    ),
    "not_dicom": Reason(
        "The file is not DICOM.",
        "Nothing, if it was not meant to be; else look at its first bytes.",
    ),
    "dicomdir": Reason(
        "The file is a DICOMDIR, a directory of other files.",
        "Nothing: the files it lists count by themselves.",
    ),
    "truncated": Reason(
        "The file ends before its data set does.",
        "Ask the sender to send it again.",
    ),
    "trailing_zeros": Reason(
        "The data set runs into zeros up to the end of the file.",
        "The copy was not finished when the drop was listed: send the file again.",
    ),
    "no_sop_instance_uid": Reason(
        "The data set has no SOP Instance UID.",
        "Repair it at its source: without one it can't be told from others.",
    ),
    "bad_uid": Reason(
        "The SOP Instance UID is not one value of 1 to 64 digits and dots.",
        "Repair it at its source and send it again.",
    ),
    "not_conformant": Reason(
        "The bytes do not follow PS3.5 and PS3.10.",
        "Look at the offset named, or ask the maker of the file.",
    ),
    "limit": Reason(
        "The file goes beyond a limit of dicomdex.",
        "Look at it by hand: such files are broken or made to hurt.",
    ),
    "not_regular": Reason(
        "The entry is no regular file.",
        "Put a copy of the file in place of the link, pipe or device.",
    ),
    "outside_drop": Reason(
        "The entry is a link that leads out of its drop.",
        "Put a copy of the file in place of the link.",
    ),
    "vanished": Reason(
        "The file was listed and is gone.",
        "Deliver it again, or ingest the drop again to list it anew.",
    ),
    "changed": Reason(
        "The file changed after it was listed.",
        "Ingest the drop again once nothing writes to it.",
    ),
    "encrypted_member": Reason(
        "The archive's member is encrypted.",
        "Deliver it without a password.",
    ),
    "crashed": Reason(
        "The reader died on this file.",
        "Keep the file and report it: it shows a defect.",
    ),
}


@dataclass(frozen=True)
class Reject:
    """What is wrong with one file: a reason of `REASONS`, what was met, and the byte offset where it is known."""

    reason: str
    what: str = ""
    offset: int | None = None

    @property
    def detail(self) -> str:
        """One sentence for people: the reason's, what was met, where. It never holds a value of the file."""
        sentence = REASONS[self.reason].sentence.removesuffix(".")
        what = f": {self.what}" if self.what else ""
        where = "" if self.offset is None else f" at byte {self.offset:,}"
        return f"{sentence}{what}{where}."


class Rejected(Exception):
    """Carries a Reject out of the parser's depth to `reader.read`, which returns it as a value."""

    def __init__(self, reason: str, what: str = "", offset: int | None = None) -> None:
        super().__init__(reason)
        self.reject = Reject(reason, what, offset)
