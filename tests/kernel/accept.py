#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""accept.py SOCKET COMMAND...: run a command for each connection.

As systemd does for Accept=yes: the connection is its stdin and stdout. Ends
with whoever started it.
"""

import ctypes
import os
import signal
import socket
import sys

PR_SET_PDEATHSIG = 1

ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
listener.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
listener.listen(16)
while True:
    connection, _ = listener.accept()
    if os.fork() == 0:
        os.dup2(connection.fileno(), 0)
        os.dup2(connection.fileno(), 1)
        os.execv(sys.argv[2], sys.argv[2:])
    connection.close()
