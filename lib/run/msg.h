/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RUN_MSG_H
#define RUN_MSG_H

#include <stdbool.h>
#include <sys/resource.h>

#include "base/err.h"

/* What init and payload tell the supervisor, one packet each. */
enum msg_type {
	MSG_MAP,    /* inner user namespace made: write its maps, then ack */
	MSG_READY,  /* set up, waiting for tasks to join */
	MSG_EXEC,   /* the payload is about to be executed */
	MSG_NOEXEC, /* ... and could not be: err */
	MSG_ERR,    /* the cell could not be set up: err */
	MSG_STOP,   /* the payload was stopped: by which signal */
	MSG_CONT,   /* ... and goes on */
	MSG_EXIT,   /* all is over: the payload's status, rusage of all */
};

struct msg {
	enum msg_type type;
	int status;
	union {
		struct err err;
		struct rusage rusage;
	};
};

/* What the supervisor tells init while the payload runs. */
struct msg_order {
	int signal;      /* it got this one */
	int64_t at;      /* and read it then, CLOCK_REALTIME in us */
	bool foreground; /* and its process group has the terminal: SIGCONT */
};

/*
 * After a call that failed, by errno: whether it is to be made again, as it was
 * interrupted or the kernel had no memory. That is waited for a moment: who
 * gives up hears nothing of a payload that runs.
 */
bool msg_try_again(void);

/*
 * Send one message, for which memory is waited for, as the other side waits
 * for it; a peer that is gone is no concern of the sender's. With MSG_DONTWAIT
 * in `flags` it is lost where the peer reads none.
 */
void msg_send(int sock, const struct msg *msg, int flags);

/* The same for one that is a type, and `err` unless it is NULL. */
void msg_tell(int sock, enum msg_type type, const struct err *err);

/* Send an order, to an init that may be gone. */
void msg_order_send(int sock, const struct msg_order *order);

/* Receive one. Returns 1, 0 when the peer is gone, -1 with errno. */
int msg_order_recv(int sock, struct msg_order *ret);

/* Receive one. Returns 1, 0 when the peer is gone, -1 with errno. */
int msg_recv(int sock, struct msg *ret, int flags);

/* Hand over a descriptor; a peer that is gone is no error. -1: errno. */
int msg_send_fd(int sock, int fd);

/* Receive one. Returns it, or -1 with errno 0 when the peer is gone. */
int msg_recv_fd(int sock);

#endif
