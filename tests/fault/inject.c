/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inject FILE SECONDS [ROLE CALL NTH fail ERRNO | ROLE CALL NTH kill VICTIM]
 *	-- COMMAND [ARGUMENT]...
 *
 * Runs COMMAND and, when the process ROLE enters the system call of number
 * CALL for the NTH time, has it fail with ERRNO or kills the process VICTIM;
 * once. strace(1) counts calls of whichever process comes and signals none but
 * the caller, so this is done by ptrace(2) here.
 *
 * Processes have their roles by the order of their birth: 0 is COMMAND, 1 the
 * first process that is made, and so on. Calls of a process are counted until
 * it executes something.
 *
 * FILE tells what happened, a line each:
 *	hit		the call came, and was failed or VICTIM killed
 *	absent		the call came, but there was no VICTIM
 *	end STATUS	wait status of COMMAND
 *	hang		... which did not end in SECONDS
 *	left PID NAME	what outlived COMMAND by SECONDS, and was killed then
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* glibc's ptrace.h and linux/ptrace.h do not go together. */
#ifndef __x86_64__
#error "not written for this processor: see call_of() and change()"
#endif

enum {
	PROCS = 64,
	UNBORN = -1, /* its first stop came before its parent told of it */
	CALL_CLOSE = 3,
	OPTIONS = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD |
		  PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
		  PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC,
};

struct proc {
	pid_t pid; /* 0: no such process any more */
	int role;
	bool stopped; /* it waits for its parent's word, or VICTIM's end */
	bool inside;  /* in a system call */
};

static struct proc procs[PROCS];
static int n_procs, n_roles;
static FILE *report;
static unsigned seconds;

static struct {
	int role;
	long call;
	int nth;
	bool kills;
	int value; /* errno, or the victim's role */
} point = { .role = UNBORN };

static int seen;            /* how often the call has come */
static bool over;           /* the point is behind us */
static struct proc *change; /* whose result is to be written */
static struct proc *held;   /* who waits until `victim` is dead */
static pid_t victim;
static volatile sig_atomic_t late;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	exit(2);
}

static struct proc *find(pid_t pid)
{
	for (int i = 0; i < n_procs; i++)
		if (procs[i].pid == pid)
			return &procs[i];
	return NULL;
}

static struct proc *find_role(int role)
{
	for (int i = 0; i < n_procs; i++)
		if (procs[i].pid && procs[i].role == role)
			return &procs[i];
	return NULL;
}

static struct proc *add(pid_t pid, int role)
{
	if (n_procs == PROCS) {
		errno = ENOSPC;
		die("too many processes");
	}
	procs[n_procs] = (struct proc){ .pid = pid, .role = role };
	return &procs[n_procs++];
}

/* Only the process of the point is stopped at its calls. */
static void go_on(struct proc *p, int sig)
{
	bool calls = p->role == point.role && (!over || change == p);

	p->stopped = false;
	if (ptrace(calls ? PTRACE_SYSCALL : PTRACE_CONT, p->pid, 0, sig) &&
	    errno != ESRCH)
		die("continue");
}

static void strike(struct proc *p, struct user_regs_struct *r)
{
	struct proc *v;

	over = true;
	if (!point.kills) {
		fputs("hit\n", report);
		change = p;
		/* close(2) closes, whatever it says. */
		if (point.call == CALL_CLOSE)
			return;
		r->orig_rax = (unsigned long long)-1;
		if (ptrace(PTRACE_SETREGS, p->pid, 0, r))
			die("change a call");
		return;
	}
	v = find_role(point.value);
	if (!v) {
		fputs("absent\n", report);
		return;
	}
	fputs("hit\n", report);
	victim = v->pid;
	held = v == p ? NULL : p;
	kill(victim, SIGKILL);
}

static void at_call(struct proc *p)
{
	struct user_regs_struct r;

	p->inside = !p->inside;
	if (ptrace(PTRACE_GETREGS, p->pid, 0, &r)) {
		if (errno != ESRCH)
			die("read registers");
		return;
	}
	if (!p->inside && change == p) {
		r.rax = (unsigned long long)-point.value;
		change = NULL;
		if (ptrace(PTRACE_SETREGS, p->pid, 0, &r))
			die("change a result");
	}
	if (p->inside && !over && (long)r.orig_rax == point.call &&
	    ++seen == point.nth)
		strike(p, &r);
}

static void at_birth(struct proc *parent)
{
	unsigned long pid;
	struct proc *p;

	if (ptrace(PTRACE_GETEVENTMSG, parent->pid, 0, &pid))
		return;
	p = find((pid_t)pid);
	if (!p) {
		add((pid_t)pid, n_roles++);
		return;
	}
	p->role = n_roles++;
	if (p->stopped)
		go_on(p, 0);
}

/* A parent that is killed as it gives birth does not tell of that any more. */
static void adopt(void)
{
	for (int i = 0; over && i < n_procs; i++)
		if (procs[i].pid && procs[i].role == UNBORN &&
		    procs[i].stopped) {
			procs[i].role = n_roles++;
			go_on(&procs[i], 0);
		}
}

static void at_stop(pid_t pid, int status)
{
	struct proc *p = find(pid);
	int sig = WSTOPSIG(status);

	if (!p)
		p = add(pid, UNBORN);
	p->stopped = true;
	switch (status >> 16) {
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		at_birth(p);
		go_on(p, 0);
		return;
	case PTRACE_EVENT_EXEC:
		/* What comes now is another program's. */
		if (p->role == point.role && p->role)
			over = true;
		go_on(p, 0);
		return;
	case PTRACE_EVENT_STOP:
		/* New, or a group stop, or the end of one. */
		if (p->role == UNBORN) {
			adopt();
			return;
		}
		if (sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN ||
		    sig == SIGTTOU) {
			ptrace(PTRACE_LISTEN, pid, 0, 0);
			return;
		}
		go_on(p, 0);
		return;
	default:
		break;
	}
	if (sig != (SIGTRAP | 0x80)) {
		go_on(p, sig);
		return;
	}
	at_call(p);
	if (held != p)
		go_on(p, 0);
}

static void at_end(pid_t pid, int status)
{
	struct proc *p = find(pid);

	adopt();
	if (p) {
		if (held == p)
			held = NULL;
		if (change == p)
			change = NULL;
		if (!p->role) {
			fprintf(report, "end %d\n", status);
			alarm(seconds);
		}
		p->pid = 0;
	}
	if (pid == victim && held) {
		p = held;
		held = NULL;
		go_on(p, 0);
	}
}

static void give_up(void)
{
	if (find_role(0))
		fputs("hang\n", report);
	for (int i = 0; i < n_procs; i++) {
		char path[32], name[32] = "?\n";
		FILE *f;

		if (!procs[i].pid)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/comm", procs[i].pid);
		f = fopen(path, "re");
		if (f) {
			if (!fgets(name, sizeof(name), f))
				strcpy(name, "?\n");
			fclose(f);
		}
		fprintf(report, "left %d %s", procs[i].pid, name);
		kill(procs[i].pid, SIGKILL);
	}
}

static void on_alarm(int sig)
{
	(void)sig;
	late = 1;
}

static void start(char *argv[])
{
	int go[2];
	pid_t pid;
	char c;

	if (pipe(go))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		close(go[1]);
		if (read(go[0], &c, 1) != 1)
			_exit(2);
		close(go[0]);
		execv(argv[0], argv);
		_exit(127);
	}
	add(pid, n_roles++);
	if (ptrace(PTRACE_SEIZE, pid, 0, OPTIONS))
		die("trace");
	close(go[0]);
	if (write(go[1], "", 1) != 1)
		die("start");
	close(go[1]);
}

/* The call is counted from the new program's first on. */
static void until_exec(void)
{
	int status;
	pid_t pid = waitpid(procs[0].pid, &status, __WALL);

	if (pid < 0 || !WIFSTOPPED(status) ||
	    status >> 16 != PTRACE_EVENT_EXEC) {
		errno = ENOEXEC;
		die("execute the command");
	}
	/* The exit of execve is a stop as well. */
	procs[0].inside = true;
	go_on(&procs[0], 0);
}

static int number(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (!*text || *end || n < 0 || n > 1000000) {
		errno = EINVAL;
		die(text);
	}
	return (int)n;
}

static char **arguments(int argc, char *argv[])
{
	int i = 3;

	if (argc < 5) {
		errno = EINVAL;
		die("arguments");
	}
	report = fopen(argv[1], "we");
	if (!report)
		die(argv[1]);
	seconds = (unsigned)number(argv[2]);
	if (argc > 8 && strcmp(argv[3], "--") != 0) {
		point.role = number(argv[3]);
		point.call = number(argv[4]);
		point.nth = number(argv[5]);
		point.kills = !strcmp(argv[6], "kill");
		point.value = number(argv[7]);
		i = 8;
	}
	if (strcmp(argv[i], "--") != 0 || !argv[i + 1]) {
		errno = EINVAL;
		die("arguments");
	}
	return argv + i + 1;
}

int main(int argc, char *argv[])
{
	struct sigaction sa = { .sa_handler = on_alarm };
	char **command = arguments(argc, argv);
	int status;
	pid_t pid;

	start(command);
	sigaction(SIGALRM, &sa, NULL);
	alarm(seconds);
	until_exec();
	for (;;) {
		if (late) {
			give_up();
			late = 0;
		}
		pid = waitpid(-1, &status, __WALL);
		if (pid < 0 && errno == ECHILD)
			break;
		if (pid < 0)
			continue;
		if (WIFSTOPPED(status))
			at_stop(pid, status);
		else
			at_end(pid, status);
	}
	return fclose(report) ? 2 : 0;
}
