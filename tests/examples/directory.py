"""A small client: finds and creates people behind a connector host."""

from threading import Event

import requests

URN = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"
WORTH_ANOTHER_TRY = {429, 500, 502, 503, 504}


class Unavailable(Exception):
    """It did not work now; later it may."""


class Misconfigured(Exception):
    """It will not work until somebody changes something."""


class Directory:
    def __init__(self, session, *, attempts=3, timeout=0.5, pause=None):
        self.session = session
        self.attempts = attempts
        self.timeout = timeout
        self.pause = pause or Event().wait

    def find(self, login):
        """The person of this login, or None."""
        resources = self._ask("GET", "/Users", params={"filter": f'ContosoLogin eq "{login}"'}, read=people)
        if len(resources) > 1:
            raise Misconfigured(f"{len(resources)} people are called {login}")
        return resources[0] if resources else None

    def create(self, login, first_name, last_name):
        """The id of a new person, or of the one who is there already."""
        values = {"ContosoLogin": login, "FirstName": first_name, "LastName": last_name}
        created = self._ask("POST", "/Users", json={"schemas": [URN], URN: values}, read=created_id)
        return created or self.find(login)["id"]

    def _ask(self, method, path, *, read, **more):
        problem = None
        for attempt in range(self.attempts):
            if attempt:
                self.pause(problem.args[1] if len(problem.args) > 1 else 2**attempt)
            try:
                answer = self.session.request(
                    method, path, timeout=self.timeout, allow_redirects=False, **more
                )
                return read(checked(answer))
            except requests.exceptions.SSLError as error:
                raise Misconfigured(f"no secure connection: {error}") from error
            except requests.RequestException as error:
                problem = Unavailable(f"no answer: {error}")
            except Unavailable as error:
                problem = error
        raise problem


def checked(answer):
    """The answer, if it is one of a SCIM server that worked."""
    if answer.status_code in WORTH_ANOTHER_TRY:
        after = answer.headers.get("Retry-After", "")
        raise Unavailable(f"status {answer.status_code}", *([int(after)] if after.isdecimal() else []))
    if answer.status_code not in (200, 201, 409):
        raise Misconfigured(f"status {answer.status_code}")
    return answer


def document(answer):
    try:
        found = answer.json()
    except ValueError as error:
        raise Unavailable("the answer is no JSON") from error
    if not isinstance(found, dict):
        raise Unavailable("the answer is no SCIM")
    return found


def people(answer):
    resources = document(answer).get("Resources")
    if not isinstance(resources, list) or not all(isinstance(each, dict) for each in resources):
        raise Unavailable("the answer is no list of people")
    return resources


def created_id(answer):
    return None if answer.status_code == 409 else document(answer).get("id")
