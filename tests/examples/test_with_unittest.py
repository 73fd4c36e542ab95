import unittest

import pytest


class TestWithUnittest(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def _use_mockhost(self, mockhost, mockhost_client):
        self.host = mockhost
        self.client = mockhost_client

    @pytest.mark.mockhost("basics/empty")
    def test_nobody_is_there(self):
        self.assertEqual(self.client.get("/Users").json()["totalResults"], 0)

    def test_every_cause_at_once(self):
        for name in ("documented/secret_token_mismatch", "documented/first_import_running"):
            with self.subTest(name):
                self.host.use(name)
                answer = self.client.get("/Users", headers=self.host.headers())
                self.assertIn(answer.status_code, (401, 503))
