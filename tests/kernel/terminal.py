#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays a dialogue on standard input with a program on a terminal of its own.

	> TEXT	type TEXT and return
	^X	type control-X
	? TEXT	wait for TEXT after what has been waited for so far
	= R C	change the size of the terminal
	. S	wait S seconds

The program is the arguments. At the end the terminal is closed. What was seen
is printed when something that is waited for does not come, and the exit
status is 1 then.
"""
import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

LIMIT = 20


class Dialogue:
    def __init__(self, argv):
        self.seen = b""
        self.at = 0
        pid, self.fd = pty.fork()
        if pid == 0:
            os.execvp(argv[0], argv)

    def look(self, seconds):
        if select.select([self.fd], [], [], seconds)[0]:
            try:
                self.seen += os.read(self.fd, 65536)
            except OSError:
                time.sleep(seconds)

    def wait_for(self, text):
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            found = self.seen.find(text, self.at)
            if found >= 0:
                self.at = found + len(text)
                return
            self.look(0.05)
        sys.stdout.buffer.write(b"not seen: " + text + b"\n" + self.seen)
        sys.exit(1)

    def pause(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look(0.05)

    def play(self, line):
        kind, text = line[0], line[2:]
        if kind == ">":
            # A shell that prompts may not be done with the terminal's modes.
            self.pause(0.2)
            os.write(self.fd, text.encode() + b"\r")
        elif kind == "^":
            os.write(self.fd, bytes([ord(line[1]) & 0x1F]))
        elif kind == "?":
            self.wait_for(text.encode())
        elif kind == "=":
            rows, columns = map(int, text.split())
            fcntl.ioctl(self.fd, termios.TIOCSWINSZ,
                        struct.pack("HHHH", rows, columns, 0, 0))
        elif kind == ".":
            self.pause(float(text))


dialogue = Dialogue(sys.argv[1:])
for line in sys.stdin.read().splitlines():
    if line:
        dialogue.play(line)
