#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""display.py SOCKET KEY: refuses X11 clients, with a reason that says whether
they had the key, in hexadecimal (X Window System Protocol, 8)."""
import os
import socket
import struct
import sys

path, key = sys.argv[1], bytes.fromhex(sys.argv[2])
server = socket.socket(socket.AF_UNIX)
server.bind(path)
os.chmod(path, 0o777)
server.listen()
while True:
    client, _ = server.accept()
    with client, client.makefile("rwb") as f:
        head = f.read(12)
        if len(head) < 12:
            continue
        order = "<" if head[:1] == b"l" else ">"
        sizes = struct.unpack(order + "HH", head[6:10])
        _, data = [f.read(n + -n % 4)[:n] for n in sizes]
        reason = b"with the key\n" if data == key else b"without the key\n"
        words = (len(reason) + 3) // 4
        f.write(struct.pack(order + "BBHHH", 0, len(reason), 11, 0, words) +
                reason.ljust(words * 4, b"\0"))
