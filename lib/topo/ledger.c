/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/parse.h"
#include "topo/internal.h"
#include "topo/ledger.h"

static const char magic[] = "cloison.cpus/1";
static const char prefix[] = "cloison-cpus-";

enum {
	CLAIM_SIZE = 64 * 1024,
	WORD_SIZE = 40,           /* of a user's words */
	LOOKED_AT = 16 << 20,     /* bytes: a user may make many claims */
	DEEPEST = 64,             /* ancestors */
	STATUS_SIZE = 256 * 1024, /* 65536 groups in /proc/PID/status */
};

const char *const topo_ledger[] = { "/run/cloison/cpus", "/tmp", NULL };

/* --- text --- */

static bool id_valid(const char *id)
{
	size_t len = strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz-");

	return len && len <= 64 && !id[len];
}

/* What a terminal shows as it is, without the blank that ends a word. */
static void put_word(FILE *f, const char *word)
{
	fputc(' ', f);
	if (!word || !*word)
		fputc('-', f);
	for (size_t i = 0; word && word[i] && i < WORD_SIZE; i++)
		fputc(word[i] > ' ' && word[i] < 0x7f ? word[i] : '?', f);
}

static unsigned long long pid_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) ? 0 : st.st_ino;
}

static int print(const struct topo_claim *c, char *buf, size_t size,
		 size_t *ret, struct err *err)
{
	FILE *f = fmemopen(buf, size, "w");
	pid_t pid = getpid();
	long len;

	if (!f)
		return err_set(err, errno, "write a claim");
	fprintf(f, "%s %llu %d %llu %s", magic, pid_namespace(), (int)pid,
		(unsigned long long)proc_start(pid), c->cpus);
	put_word(f, c->user);
	put_word(f, c->job);
	fputc('\n', f);
	len = ftell(f);
	if (fclose(f) || len < 0 || (size_t)len >= size)
		return err_set(err, 0, "the list of CPUs is too long");
	*ret = (size_t)len;
	return 0;
}

/* A word that `print` may have written. */
static bool is_word(const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i < len; i++)
		if (word[i] <= ' ' || word[i] >= 0x7f)
			return false;
	return len && len <= WORD_SIZE;
}

int topo_claim_parse(char *line, struct topo_claim_line *ret)
{
	char *word[8], *save, *w;
	struct topo_set *set;
	struct pool pool = { 0 };
	uint64_t number[3];
	struct err err;
	size_t n = 0;
	int bad;

	for (w = strtok_r(line, " ", &save); w && n < 8;
	     w = strtok_r(NULL, " ", &save))
		word[n++] = w;
	if (n != 7 || strcmp(word[0], magic) != 0 || !is_word(word[5]) ||
	    !is_word(word[6]))
		return -1;
	for (int i = 0; i < 3; i++)
		if (parse_uint(word[i + 1], i == 1 ? INT32_MAX : INT64_MAX,
			       &number[i], &err))
			return -1;
	bad = topo_set_parse(word[4], &pool, &set, &err);
	pool_free(&pool);
	*ret = (struct topo_claim_line){
		.claim = { .cpus = word[4],
			   .user = word[5],
			   .job = strcmp(word[6], "-") != 0 ? word[6] : NULL },
		.pidns = number[0],
		.holder = { (pid_t)number[1], number[2] },
	};
	return bad;
}

/* --- processes --- */

/* What is the same for all claims that are looked at. */
struct reader {
	unsigned long long pidns;
	bool shown; /* /proc has everybody's processes */
	pid_t ancestor[DEEPEST];
	size_t n_ancestors;
	char *status; /* STATUS_SIZE bytes */
	int64_t looked_at;
};

static int read_status(struct reader *r, pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	return fd_read_file(AT_FDCWD, path, r->status, STATUS_SIZE) < 0 ? -1
									: 0;
}

static long status_number(const struct reader *r, const char *key)
{
	const char *p = strstr(r->status, key);

	return p ? strtol(p + strlen(key), NULL, 10) : -1;
}

static void reader_init(struct reader *r, struct pool *pool)
{
	pid_t pid = getpid();

	*r = (struct reader){ .pidns = pid_namespace() };
	r->status = pool_alloc(pool, STATUS_SIZE);
	while (pid > 0 && r->n_ancestors < DEEPEST && !read_status(r, pid)) {
		pid = (pid_t)status_number(r, "\nPPid:");
		r->ancestor[r->n_ancestors++] = pid;
	}
	r->shown = !read_status(r, 1);
}

/* Whose cell we are in, it has picked for us, too. */
static bool is_ancestor(const struct reader *r, pid_t pid)
{
	for (size_t i = 0; i < r->n_ancestors; i++)
		if (r->ancestor[i] == pid)
			return true;
	return false;
}

/* Cut a list to what its holder may use. */
static const char *cut(const char *cpus, const char *affinity,
		       struct pool *pool)
{
	size_t len = strcspn(affinity, "\n");
	struct topo_set *claimed, *may;
	struct err err;

	if (topo_set_parse(cpus, pool, &claimed, &err) ||
	    topo_set_parse(pool_strndup(pool, affinity, len), pool, &may, &err))
		return "";
	for (size_t i = 0; i < sizeof(may->word) / sizeof(may->word[0]); i++)
		may->word[i] &= claimed->word[i];
	return topo_set_print(may, pool);
}

/* Does it count? Then `l->claim.cpus` is what does. */
static bool believe(struct reader *r, struct topo_claim_line *l,
		    struct pool *pool)
{
	static const char key[] = "\nCpus_allowed_list:\t";
	uid_t owner = l->claim.owner;
	const char *p;

	if (l->pidns != r->pidns || is_ancestor(r, l->holder.pid))
		return false;
	if (read_status(r, l->holder.pid))
		return !r->shown;
	if (!proc_alive(&l->holder) ||
	    (owner && status_number(r, "\nUid:") != (long)owner))
		return false;
	p = strstr(r->status, key);
	if (p)
		l->claim.cpus = cut(l->claim.cpus, p + strlen(key), pool);
	return *l->claim.cpus;
}

/* --- files --- */

/* Root's, where nobody can remove what is another's. */
static int open_dir(const char *path)
{
	cleanup_fd int fd = fd_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0,
				    RESOLVE_NO_SYMLINKS);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -1;
	if (st.st_uid ||
	    ((st.st_mode & (S_IWGRP | S_IWOTH)) && !(st.st_mode & S_ISVTX))) {
		errno = EPERM;
		return -1;
	}
	return steal_fd(&fd);
}

static int open_file(int dir, const char *name, int flags, struct stat *ret)
{
	/*
	 * A FIFO must not stop us, nor a file system of its owner's that is
	 * mounted there.
	 */
	cleanup_fd int fd = fd_open(dir, name, flags | O_NONBLOCK | O_NOCTTY, 0,
				    RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);

	if (fd < 0 || fstat(fd, ret) || !S_ISREG(ret->st_mode) ||
	    ret->st_mode & (S_IWGRP | S_IWOTH) || ret->st_size >= CLAIM_SIZE)
		return -1;
	return steal_fd(&fd);
}

static char *read_line(int fd, size_t size, struct pool *pool)
{
	char *buf = pool_alloc(pool, size + 1);
	ssize_t n = pread(fd, buf, size, 0);

	if (n != (ssize_t)size || !n || buf[n - 1] != '\n' ||
	    memchr(buf, '\0', size))
		return NULL;
	buf[n - 1] = '\0';
	return buf;
}

static bool read_claim(struct reader *r, int dir, const char *name,
		       struct pool *pool, struct topo_claim_line *ret)
{
	struct stat st;
	cleanup_fd int fd = open_file(dir, name, O_RDONLY, &st);
	char *line;

	if (fd < 0 || !fd_is_locked(fd))
		return false;
	r->looked_at += st.st_size + (int64_t)sizeof(*ret);
	line = read_line(fd, (size_t)st.st_size, pool);
	if (!line || topo_claim_parse(line, ret))
		return false;
	ret->claim.owner = st.st_uid;
	ret->claim.id = name + strlen(prefix);
	return believe(r, ret, pool);
}

static int each_file(const char *path,
		     void (*fn)(void *arg, int dir, const char *name),
		     void *arg)
{
	int fd = open_dir(path);
	cleanup_dir DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while ((e = readdir(d)))
		if (!strncmp(e->d_name, prefix, strlen(prefix)) &&
		    id_valid(e->d_name + strlen(prefix)))
			fn(arg, fd, e->d_name);
	return 0;
}

struct probe {
	struct reader reader;
	struct pool *pool;
	struct topo_claims *ret;
};

static void take(void *arg, int dir, const char *name)
{
	struct probe *p = arg;
	struct pool scratch = { 0 };
	struct topo_claim_line l;
	struct topo_claim *c;

	if (p->reader.looked_at < LOOKED_AT &&
	    read_claim(&p->reader, dir, name, &scratch, &l)) {
		c = pool_push(p->pool, &p->ret->claim, &p->ret->n, sizeof(*c));
		c->id = pool_strdup(p->pool, l.claim.id);
		c->cpus = pool_strdup(p->pool, l.claim.cpus);
		c->owner = l.claim.owner;
		c->user = pool_strdup(p->pool, l.claim.user);
		c->job = pool_strdup(p->pool, l.claim.job);
	}
	pool_free(&scratch);
}

static int by_id(const void *a, const void *b)
{
	const struct topo_claim *x = a, *y = b;

	return strcmp(x->id, y->id);
}

void topo_claims_probe(const char *const *ledger, struct pool *pool,
		       struct topo_claims *ret)
{
	struct probe p = { .pool = pool, .ret = ret };

	*ret = (struct topo_claims){ 0 };
	reader_init(&p.reader, pool);
	/* What is not there, or not to be believed, has no claims. */
	for (; *ledger; ledger++)
		each_file(*ledger, take, &p);
	if (ret->n)
		qsort(ret->claim, ret->n, sizeof(*ret->claim), by_id);
}

/* --- a claim of our own --- */

/* Until it is readable for all it is none: then it is locked and whole. */
static int put_up(int dir, const char *name, const char *line, size_t len)
{
	cleanup_fd int fd = openat(
		dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		0600);
	struct stat st;
	int num;

	if (fd < 0)
		return -1;
	/* Somebody may sweep what is not locked yet. */
	if (!fd_lock(fd) && !fd_write_all(fd, line, len) && !fchmod(fd, 0644) &&
	    !fstat(fd, &st)) {
		if (st.st_nlink)
			return steal_fd(&fd);
		errno = EAGAIN;
	}
	num = errno;
	unlinkat(dir, name, 0);
	errno = num;
	return -1;
}

/* For all to read, whoever of root's comes first. */
static void make_dir(const char *path)
{
	size_t len = (size_t)(strrchr(path, '/') - path);
	char parent[256];
	mode_t mask;

	if (geteuid())
		return;
	snprintf(parent, sizeof(parent), "%.*s", (int)len, path);
	mask = umask(022);
	/* What fails here fails again when it is opened. */
	if (mkdir(path, 0755) && errno == ENOENT && !mkdir(parent, 0755))
		(void)!mkdir(path, 0755);
	umask(mask);
}

static int put_up_first(const char *const *ledger, const char *line, size_t len,
			struct topo_hold *ret, struct err *err)
{
	make_dir(ledger[0]);
	for (; *ledger; ledger++) {
		cleanup_fd int dir = open_dir(*ledger);

		ret->fd = dir < 0 ? -1 : put_up(dir, ret->name, line, len);
		if (ret->fd >= 0) {
			ret->dir = steal_fd(&dir);
			return 0;
		}
		err_set(err, errno, "claim cores in %s", *ledger);
	}
	return -1;
}

/* A core of ours that another has claimed. */
static int contested(const char *const *ledger, const struct topo *topo,
		     const struct topo_claim *own, enum topo_unit unit,
		     struct pool *pool, struct err *err)
{
	struct topo_claims all, others = { 0 };
	const char *mine, *left;

	topo_claims_probe(ledger, pool, &all);
	for (size_t i = 0; i < all.n; i++)
		if (strcmp(all.claim[i].id, own->id) != 0)
			*(struct topo_claim *)pool_push(
				pool, &others.claim, &others.n,
				sizeof(*others.claim)) = all.claim[i];
	if (topo_free(topo, own->cpus, &(struct topo_claims){ 0 }, unit, 1,
		      pool, &mine, err) ||
	    topo_free(topo, own->cpus, &others, unit, 1, pool, &left, err))
		return -1;
	return strcmp(mine, left) != 0;
}

int topo_claim_create(const char *const *ledger, const struct topo *topo,
		      const struct topo_claim *claim, enum topo_unit unit,
		      bool shared, struct topo_hold *ret, struct err *err)
{
	struct pool pool = { 0 };
	char *line = pool_alloc(&pool, CLAIM_SIZE);
	size_t len = 0;
	int r;

	*ret = (struct topo_hold)TOPO_HOLD_INIT;
	snprintf(ret->name, sizeof(ret->name), "%s%s", prefix, claim->id);
	r = print(claim, line, CLAIM_SIZE, &len, err);
	if (!r)
		r = put_up_first(ledger, line, len, ret, err);
	if (r && err->num == EAGAIN)
		r = 1;
	if (!r && !shared)
		r = contested(ledger, topo, claim, unit, &pool, err);
	if (r)
		topo_claim_remove(ret);
	pool_free(&pool);
	return r;
}

void topo_claim_remove(struct topo_hold *hold)
{
	if (hold->fd >= 0) {
		unlinkat(hold->dir, hold->name, 0);
		close(hold->fd);
	}
	if (hold->dir >= 0)
		close(hold->dir);
	hold->fd = hold->dir = -1;
}

static void sweep(void *arg, int dir, const char *name)
{
	struct stat st;
	cleanup_fd int fd = open_file(dir, name, O_RDWR, &st);

	(void)arg;
	if (fd >= 0 && (!geteuid() || st.st_uid == geteuid()) && !fd_lock(fd))
		unlinkat(dir, name, 0);
}

void topo_claims_sweep(const char *const *ledger)
{
	for (; *ledger; ledger++)
		each_file(*ledger, sweep, NULL);
}

/* --- what is free --- */

bool topo_overlap(const char *a, const char *b)
{
	struct pool pool = { 0 };
	struct topo_set *x, *y;
	bool ret = false;
	struct err err;

	if (!topo_set_parse(a, &pool, &x, &err) &&
	    !topo_set_parse(b, &pool, &y, &err))
		for (size_t i = 0; i < sizeof(x->word) / sizeof(x->word[0]);
		     i++)
			ret = ret || (x->word[i] & y->word[i]);
	pool_free(&pool);
	return ret;
}

/* How many claims each core has, one for however many PUs of it; or each PU. */
struct load {
	size_t last; /* claim that was counted, plus one */
	unsigned n;
};

struct loads {
	const struct topo *topo;
	enum topo_unit unit;
	struct load *load;
};

static struct load *load_of(const struct loads *l, size_t pu)
{
	return &l->load[l->unit == TOPO_THREAD ? pu : l->topo->pu[pu].core];
}

static int count(const struct loads *loads, const char *cpus, size_t claim,
		 struct err *err)
{
	struct pool pool = { 0 };
	struct topo_set *set;
	int r = topo_set_parse(cpus, &pool, &set, err);

	for (size_t i = 0; !r && i < loads->topo->n; i++) {
		struct load *l = load_of(loads, i);

		if (l->last == claim ||
		    !topo_set_has(set, loads->topo->pu[i].os))
			continue;
		l->last = claim;
		l->n++;
	}
	pool_free(&pool);
	return r;
}

static int loads_init(struct loads *loads, const struct topo_claims *claims,
		      struct pool *pool, struct err *err)
{
	const struct topo *topo = loads->topo;
	size_t most = topo->n;

	for (size_t i = 0; i < topo->n; i++)
		if (topo->pu[i].core >= most)
			most = topo->pu[i].core + 1;
	loads->load = pool_alloc(pool, (most + 1) * sizeof(*loads->load));
	for (size_t c = 0; c < claims->n; c++)
		if (count(loads, claims->claim[c].cpus, c + 1, err))
			return -1;
	return 0;
}

int topo_free(const struct topo *topo, const char *allowed,
	      const struct topo_claims *claims, enum topo_unit unit,
	      unsigned depth, struct pool *pool, const char **ret,
	      struct err *err)
{
	struct pool scratch = { 0 };
	struct topo_set *may, *set = pool_alloc(&scratch, sizeof(*set));
	struct loads loads = { .topo = topo, .unit = unit };
	int r = topo_set_parse(allowed, &scratch, &may, err);

	if (!r)
		r = loads_init(&loads, claims, &scratch, err);
	for (size_t i = 0; !r && i < topo->n; i++)
		if ((!allowed || topo_set_has(may, topo->pu[i].os)) &&
		    load_of(&loads, i)->n < depth)
			topo_set_add(set, topo->pu[i].os);
	if (!r)
		*ret = topo_set_print(set, pool);
	pool_free(&scratch);
	return r;
}
