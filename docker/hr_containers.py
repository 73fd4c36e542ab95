"""PostgreSQL and a host in front of it, for Testcontainers: copy this file, mockhost_container.py and postgres/.

    with hr_containers() as (mock, database_url):
        made = requests.post(mock.url("SQL") + "/Users", json=user, headers=mock.headers("SQL"), verify=mock.ca_file)

Needs testcontainers 4.15 or later, psycopg, and an image mockhost:sql, built with the extra sql.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from mockhost_container import MockhostContainer
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.network import Network

FILES = Path(__file__).parent / "postgres"


@contextmanager
def hr_containers(image: str = "mockhost:sql") -> Iterator[tuple[MockhostContainer, str]]:
    """A host whose users are rows of the table staff, and the URL of the database for the test's own queries."""
    password = secrets.token_urlsafe(24)
    database = PostgresContainer("postgres:17", username="hr", password=password, dbname="hr", driver=None)
    with Network() as network, database.with_network(network).with_network_aliases("db") as running:
        url = running.get_connection_url()
        with psycopg.connect(url) as connection:
            connection.execute((FILES / "hr.sql").read_bytes())
        mock = MockhostContainer("./hr.yaml", image).with_network(network)
        mock.with_env("HR_PASSWORD", password).with_volume_mapping(str(FILES), "/scenarios", "ro")
        with mock:
            yield mock, url
