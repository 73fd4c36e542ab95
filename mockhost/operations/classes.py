"""Operations in a class: what a student does in a lab, and what the teacher does with all students."""

from __future__ import annotations

from functools import partial

from mockhost.operations.row import NOTHING, Operation, Schema, an_object, answers, takes

_LINE = takes(
    "line",
    line={"type": "string", "minLength": 1, "maxLength": 4096, "description": "what is typed at the prompt"},
    input={
        "type": "string",
        "description": "the text that goes with the line, such as that of an edited file",
    },
)
_STUDENT: Schema = {"type": "string", "description": "which student; default: all"}
_LAB: Schema = {"type": "string", "description": "the ID of a lab of the class, such as L01"}
CSV = "text/csv; charset=utf-8"

_row = partial(Operation, room="mockhost.labs.classroom", shows_secrets=True, is_for_all=True)

ROWS: tuple[Operation, ...] = (
    _row("lab_state", "GET", "/v1/lab", "learner", "The lab of this student, and how far it is.",
         answers("The lab.", "object"), cost="wait"),
    _row("lab_line", "POST", "/v1/lab/line", "learner",
         "Type a line: a command of the server, or portal, answer, brief, check, hint, why, solution, reset, next.",
         answers("What came of it.", an_object(
             text="string", code="integer", edit="object?", prompt="string", ticks="[string]", solved="boolean")),
         body=_LINE, errors=(409,), cost="wait"),
    _row("class_state", "GET", "/v1/class", "teacher", "The students, and how far each is.",
         answers("The class.", "object")),
    _row("class_progress", "GET", "/v1/class/progress.csv", "teacher", "How far each student is, as CSV.",
         answers("One line for each student and lab.", "string", kind=CSV)),
    _row("class_use", "POST", "/v1/class/use", "teacher", "Put all students, or one, at the beginning of a lab.",
         answers("How many.", an_object(students="count")),
         body=takes("lab", lab=_LAB, student=_STUDENT), errors=(404,), cost="wait"),
    _row("class_reset", "POST", "/v1/class/reset", "teacher", "Put one student back to the beginning of their lab.",
         answers("How many.", an_object(students="count")),
         body=takes("student", student=_STUDENT), errors=(404,), cost="wait"),
    _row("class_solve", "POST", "/v1/class/solve", "teacher",
         "Play the solution on the host of one student; the lab then counts as seen.",
         answers("How many.", an_object(students="count")),
         body=takes("student", student=_STUDENT), errors=(404,), cost="wait"),
    _row("class_hint", "POST", "/v1/class/hint", "teacher", "Send a hint to all students, or to one.",
         answers("How many.", an_object(students="count")),
         body=takes("text", text={"type": "string", "minLength": 1, "maxLength": 500, "description": "the hint"},
                    student=_STUDENT), errors=(404,)),
    _row("class_fault", "POST", "/v1/class/fault", "teacher",
         "Put a live rule before all others on the hosts of all students.",
         answers("How many.", an_object(students="count")),
         body=takes("rule", rule={"type": "object", "description": "a rule as in a scenario file"})),
    _row("class_clear", "POST", "/v1/class/clear", "teacher", "Take all live rules away from all hosts.",
         answers("How many.", an_object(students="count")), body=NOTHING),
    _row("class_freeze", "POST", "/v1/class/freeze", "teacher",
         "Pause all students, for a talk; or let them go on.",
         answers("How many.", an_object(students="count")),
         body=takes("frozen", frozen={"type": "boolean", "description": "whether the class is paused"})),
)  # fmt: skip
