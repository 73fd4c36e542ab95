import asyncio

import pytest


async def status(host):
    """Stands for a client of yours that runs on a loop."""
    reader, writer = await asyncio.open_connection("localhost", host.port, ssl=host.ssl_context())
    head = f"GET /ecma2host_SQL/scim/Schemas HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {host.token()}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return int(answer.split(b" ")[1])


@pytest.mark.asyncio
async def test_ten_at_once(mockhost):
    mockhost.fail_next("schemas", times=3)
    answers = await asyncio.gather(*(status(mockhost) for _ in range(10)))
    assert sorted(answers) == [200] * 7 + [503] * 3
    mockhost.verify(operation="schemas", count=10)
