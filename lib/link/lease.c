/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "link/internal.h"

/* The directory of leases, made if missing, or -1 with errno. */
static int open_dir(const char *path)
{
	char parent[256];
	cleanup_fd int fd = -1;
	struct stat st;

	snprintf(parent, sizeof(parent), "%.*s",
		 (int)(strrchr(path, '/') - path), path);
	if ((mkdir(parent, 0755) && errno != EEXIST) ||
	    (mkdir(path, 0700) && errno != EEXIST))
		return -1;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return -1;
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH))) {
		errno = EPERM;
		return -1;
	}
	return steal_fd(&fd);
}

/*
 * Lock the file of that name. -1 with EWOULDBLOCK when somebody has it. Who
 * gives a lease back unlinks its file, perhaps just before we have the lock:
 * that file is nobody's any more, and the next one counts.
 */
static int lock(int dir, const char *name)
{
	for (;;) {
		cleanup_fd int fd = openat(dir, name,
					   O_RDWR | O_CREAT | O_CLOEXEC |
						   O_NOFOLLOW | O_NONBLOCK,
					   0600);
		struct stat a, b;

		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) || fstat(fd, &a))
			return -1;
		if (!fstatat(dir, name, &b, AT_SYMLINK_NOFOLLOW) &&
		    a.st_ino == b.st_ino && a.st_dev == b.st_dev)
			return steal_fd(&fd);
	}
}

/*
 * A file that was there and that nobody holds is of a cell that was killed.
 * Its name for the host's end is in it: should anybody still hold that cell's
 * namespace, the interface is taken out of it, and its address is free.
 */
static int undo(int fd, struct mnl_socket *nl, struct err *err)
{
	char old[IFNAMSIZ];
	ssize_t n = pread(fd, old, sizeof(old) - 1, 0);

	if (n < 0)
		return err_set(err, errno, "read a lease");
	old[n] = '\0';
	return *old ? device_remove(nl, old, err) : 0;
}

static int take_over(int fd, const char *host_end, struct mnl_socket *nl,
		     struct err *err)
{
	if (undo(fd, nl, err))
		return -1;
	if (ftruncate(fd, 0) || pwrite(fd, host_end, strlen(host_end), 0) < 0)
		return err_set(err, errno, "write a lease");
	return 0;
}

struct leases {
	const struct link_plan *plan;
	struct link *link;
	int dir;
	struct mnl_socket *nl;
	size_t tried;
	bool own; /* an address that was tried is the host's */
};

/* 1: taken. 0: it is not free. */
static int take(struct leases *l, const struct ip *ip, struct err *err)
{
	struct link *link = l->link;
	char name[IP_TEXT];
	cleanup_fd int fd = -1;
	int own;

	l->tried++;
	for (size_t i = 0; i < link->n; i++)
		if (!ip_compare(&link->address[i], ip))
			return 0;
	fd = lock(l->dir, ip_text(ip, name));
	if (fd < 0)
		return errno == EWOULDBLOCK
			       ? 0
			       : err_set(err, errno, "lease %s in %s", name,
					 l->plan->leases);
	own = address_is_own(l->nl, ip, &l->own, err);
	if (own || l->own) {
		unlinkat(l->dir, name, 0);
		return own;
	}
	link->address[link->n] = *ip;
	link->lease[link->n++] = fd;
	if (take_over(steal_fd(&fd), link->host_end, l->nl, err))
		return -1;
	return 1;
}

static int none_free(const struct leases *l, const struct link_want *want,
		     struct err *err)
{
	char text[IP_TEXT];

	if (want->pool)
		return err_set(err, 0,
			       "pool '%s': none of its %zu IPv%c addresses is "
			       "free, cells of this host have them (cloison "
			       "ls --json)",
			       want->pool, l->tried,
			       want->range->first.family == AF_INET ? '4'
								    : '6');
	return err_set(err, 0, "address %s is taken: %s",
		       ip_text(&want->range->first, text),
		       l->own ? "it is this host's"
			      : "another cell of this host has it");
}

static int take_one(struct leases *l, const struct link_want *want,
		    struct err *err)
{
	l->tried = 0;
	for (size_t i = 0; i < want->n; i++) {
		const struct link_range *r = &want->range[i];

		for (struct ip ip = r->first; ip_compare(&ip, &r->last) <= 0;
		     ip_next(&ip)) {
			int done = take(l, &ip, err);

			if (done)
				return done < 0 ? -1 : 0;
		}
	}
	return none_free(l, want, err);
}

static int take_all(struct leases *l, struct err *err)
{
	if (!l->plan->n_wants)
		return 0;
	l->dir = open_dir(l->plan->leases);
	if (l->dir < 0)
		return err_set(err, errno, "open %s", l->plan->leases);
	l->nl = nl_open(err);
	if (!l->nl)
		return -1;
	for (size_t i = 0; i < l->plan->n_wants; i++)
		if (take_one(l, &l->plan->want[i], err))
			return -1;
	return 0;
}

int link_init(const struct link_plan *plan, struct link *link, struct err *err)
{
	unsigned char r[5];

	*link = (struct link){ .leases = plan->leases };
	if (plan->kind != LINK_VETH)
		return 0;
	if (getrandom(r, sizeof(r), 0) != sizeof(r))
		return err_set(err, errno, "read random bytes");
	snprintf(link->host_end, sizeof(link->host_end),
		 "cell%02x%02x%02x%02x%02x", r[0], r[1], r[2], r[3], r[4]);
	return 0;
}

int link_lease(const struct link_plan *plan, struct link *link, struct err *err)
{
	struct leases l = { .plan = plan, .link = link, .dir = -1 };
	int ret = take_all(&l, err);

	if (ret)
		lease_release(link);
	if (l.dir >= 0)
		close(l.dir);
	nl_close(l.nl);
	return ret;
}

void lease_release(struct link *link)
{
	cleanup_fd int dir = link->n ? open_dir(link->leases) : -1;
	char name[IP_TEXT];

	for (size_t i = 0; i < link->n; i++) {
		ip_text(&link->address[i], name);
		if (link->lease[i] < 0)
			link->lease[i] = lock(dir, name);
		if (link->lease[i] < 0)
			continue;
		unlinkat(dir, name, 0);
		close(link->lease[i]);
	}
	link->n = 0;
}

static int sweep(int dir, const char *name, struct mnl_socket *nl,
		 struct err *err)
{
	cleanup_fd int fd = lock(dir, name);

	if (fd < 0)
		return errno == EWOULDBLOCK
			       ? 0
			       : err_set(err, errno, "lease %s", name);
	if (undo(fd, nl, err))
		return -1;
	if (unlinkat(dir, name, 0))
		return err_set(err, errno, "remove lease %s", name);
	return 0;
}

int link_sweep(const char *leases, struct err *err)
{
	cleanup_dir DIR *list = opendir(leases);
	struct mnl_socket *nl;
	const struct dirent *e;
	int ret = 0;

	if (!list)
		return errno == ENOENT ? 0 : err_set(err, errno, "%s", leases);
	nl = nl_open(err);
	if (!nl)
		return -1;
	while ((e = readdir(list)))
		if (*e->d_name != '.' && sweep(dirfd(list), e->d_name, nl, err))
			ret = -1;
	nl_close(nl);
	return ret;
}
