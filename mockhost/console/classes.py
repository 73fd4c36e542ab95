"""The pages of a class: a student's lab, and the teacher's view of everyone."""

from __future__ import annotations

from mockhost.console.app import Console
from mockhost.console.views import Asked, Page, Shown
from mockhost.faults import describe
from mockhost.runtime.operations import Operated


def lab(asked: Asked) -> Shown | None:
    """The brief, what is done and what is left, the prompt, hints and answers."""
    return None if asked.rest else ("lab.html", {"lab": asked.read("lab_state")})


def teacher(asked: Asked) -> Shown | None:
    """Students by labs, and what the teacher can do."""
    from mockhost.faults import everything

    faults = [(each.name, describe.sentence(each.title),
               {"name": "from the teacher", "fault": each.name if each.example is None else {each.name: each.example}})
              for each in everything()[0].values()]  # fmt: skip
    return None if asked.rest else ("class.html", {"room": asked.read("class_state"), "faults": faults})


_LAB = Page("lab", "Lab", "1", ("lab_state", "lab_line"), lab)
_CLASS = Page("class", "Class", "1", ("class_state",), teacher)


class ClassConsole(Console):
    """A student gets the lab, the teacher the class. The page of the host's state would give the cause away."""

    def pages(self, host: Operated) -> list[Page]:
        """The pages of who asks."""
        if host.desk.is_teacher:
            return [_CLASS]
        return [_LAB] if host.desk.desk is not None else []
