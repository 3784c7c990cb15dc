"""The embedded server's door for other machines: it takes TLS only, and hands on what comes to the server's loopback.

The wheel's PostgreSQL is built without TLS, so a process of its own speaks it. Whoever asks for a connection without
TLS is refused in PostgreSQL's own words. It is run as a program by its path, so only the standard library is imported.

Surprising: it is told nothing and asks for no pid. It inherits a listening socket, a lock that says that it lives, and
the end of a pipe whose other end the server's processes have: when the last of them is gone, it ends, too.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import struct
import sys
from contextlib import suppress
from pathlib import Path

TLS_REQUEST = struct.pack("!II", 8, 80877103)
GSSAPI_REQUEST = struct.pack("!II", 8, 80877104)
REFUSAL = b"SFATAL\0C28000\0Mthis server takes encrypted connections only: its URL says sslmode=verify-ca\0\0"
GREETING_PATIENCE_S = 20
CHUNK = 1 << 16
# As the server's own: a peer that lost power is noticed in about a minute, and its locks fall.
KEEPALIVE = {socket.TCP_KEEPIDLE: 30, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 3}


async def serve(listener: socket.socket, context: ssl.SSLContext, port: int, end: int) -> None:
    """Take connections until `end` is closed by all who have its other side.

    Args:
        listener: Listens already.
        context: With certificate and key.
        port: Of the server, on the loopback interface.
        end: The reading end of a pipe.
    """
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(end, ended.set)
    guests = asyncio.create_task(_take(listener, context, port))
    await ended.wait()
    guests.cancel()


async def _take(listener: socket.socket, context: ssl.SSLContext, port: int) -> None:
    guests = set()
    while True:
        guest, _ = await asyncio.get_running_loop().sock_accept(listener)
        task = asyncio.create_task(_attend(guest, context, port))
        guests.add(task)
        task.add_done_callback(guests.discard)


async def _attend(guest: socket.socket, context: ssl.SSLContext, port: int) -> None:
    """One connection from its greeting to its end; whatever goes wrong ends this one only."""
    with guest, suppress(OSError, EOFError, TimeoutError):
        guest.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        guest.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for option, value in KEEPALIVE.items():
            guest.setsockopt(socket.IPPROTO_TCP, option, value)
        async with asyncio.timeout(GREETING_PATIENCE_S):
            if not await _asks_for_tls(guest):
                return
            reader = asyncio.StreamReader()
            protocol = asyncio.StreamReaderProtocol(reader)
            loop = asyncio.get_running_loop()
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, guest, ssl=context)
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        try:
            to_us, to_server = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(_hand_on(reader, to_server), _hand_on(to_us, writer))
        finally:
            writer.close()


async def _asks_for_tls(guest: socket.socket) -> bool:
    """Read no byte more than the greeting: what came before TLS must not be taken for what comes by it."""
    loop = asyncio.get_running_loop()
    while (greeting := await _exactly(guest, len(TLS_REQUEST))) == GSSAPI_REQUEST:
        await loop.sock_sendall(guest, b"N")
    if greeting == TLS_REQUEST:
        await loop.sock_sendall(guest, b"S")
        return True
    await loop.sock_sendall(guest, b"E" + struct.pack("!I", 4 + len(REFUSAL)) + REFUSAL)
    guest.shutdown(socket.SHUT_WR)
    while await loop.sock_recv(guest, CHUNK):  # else the answer may be lost with what it has sent
        pass
    return False


async def _exactly(guest: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        more = await asyncio.get_running_loop().sock_recv(guest, size - len(found))
        if not more:
            raise EOFError
        found += more
    return found


async def _hand_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(CHUNK):
            target.write(data)
            await target.drain()
    finally:
        target.close()


def main() -> None:
    """Read the key, become a user who may read nothing of the project's, and serve."""
    listener, end, port, certificate, key, uid, gid = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(certificate), Path(key))
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    with socket.socket(fileno=int(listener)) as door:
        door.setblocking(False)
        asyncio.run(serve(door, context, int(port), int(end)))


if __name__ == "__main__":
    main()
