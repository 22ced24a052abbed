/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ns/ns.h"

bool ns_in_first_user(void)
{
	/* PROC_USER_INIT_INO, part of the kernel's interface */
	enum {
		FIRST = 0xEFFFFFFD
	};
	struct stat st;

	return !stat("/proc/self/ns/user", &st) && st.st_ino == FIRST;
}

/* 0: there is none, as behind an unshare(2) of a PID namespace. */
static ino_t inode(int dir, enum ns_kind kind)
{
	/* setns(2) and unshare(2) put only children there. */
	const char *name =
		kind == NS_PID ? "pid_for_children" : ns_table[kind]->name;
	struct stat st;

	return fstatat(dir, name, &st, 0) ? 0 : st.st_ino;
}

int ns_self_open(struct ns_self *ret, struct err *err)
{
	ret->dir = open("/proc/self/ns", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (ret->dir < 0)
		return err_set(err, errno, "open /proc/self/ns");
	return 0;
}

void ns_self_note(struct ns_self *self)
{
	for (int i = 0; i < NS_KINDS; i++)
		self->ino[i] = inode(self->dir, (enum ns_kind)i);
}

const char *ns_self_left(const struct ns_self *self, const struct ns_plan *plan)
{
	int joined = ns_join_flags(plan);

	for (int i = 0; i < NS_KINDS; i++)
		if ((joined & ns_table[i]->flag) &&
		    (!self->ino[i] ||
		     inode(self->dir, (enum ns_kind)i) != self->ino[i]))
			return ns_table[i]->name;
	return NULL;
}

void ns_self_close(struct ns_self *self)
{
	if (self->dir >= 0)
		close(self->dir);
	self->dir = -1;
}
