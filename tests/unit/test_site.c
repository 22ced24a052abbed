/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

/* cmocka.h needs those before it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plan/site.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct site site;

static int setup(void **state)
{
	(void)state;
	site_init(&site);
	return 0;
}

static int release(void **state)
{
	(void)state;
	site_free(&site);
	return 0;
}

static void good(const char *text)
{
	struct err err = { 0 };

	if (site_parse(&site, text, "t.conf", &err))
		fail_msg("%s", err.text);
}

static void bad(const char *text, const char *message)
{
	struct err err = { 0 };

	site_free(&site);
	site_init(&site);
	if (!site_parse(&site, text, "t.conf", &err))
		fail_msg("taken without an error:\n%s", text);
	assert_string_equal(err.text, message);
}

static const struct site_row *row(const char *profile, size_t i)
{
	const struct site_profile *p = site_find(&site, profile);

	assert_non_null(p);
	assert_true(i < p->n_rows);
	return &p->row[i];
}

static void row_is(const char *profile, size_t i, const char *key,
		   const char *value, const char *origin)
{
	const struct site_row *r = row(profile, i);

	assert_string_equal(r->key, key);
	assert_string_equal(r->value, value);
	assert_string_equal(r->origin, origin);
}

/* --- what is there without a file --- */

static void built_in(void **state)
{
	static const char *const names[] = { "batch", "strict", "open" };

	(void)state;
	assert_int_equal(site.n_profiles, N(names));
	for (size_t i = 0; i < N(names); i++) {
		const struct site_profile *p = site_find(&site, names[i]);

		assert_non_null(p);
		assert_true(p->built_in);
		assert_null(p->base);
		assert_true(p->n_rows > 3);
	}
	assert_false(site.given);
	assert_string_equal(site.default_profile, "batch");
	assert_null(site_find(&site, "none"));
	assert_null(site_find(&site, ""));
	row_is("batch", 0, "pid", "new", "profile batch");
}

/* The text of an empty file decides nothing. */
static void nothing_said(void **state)
{
	(void)state;
	good("");
	good("# a comment\n; another\n\n   \n");
	assert_false(site.given);
}

/* --- what can be said --- */

static void whole_file(void **state)
{
	(void)state;
	good("# our site\n"
	     "[site]\n"
	     "default-profile = gpu\n"
	     "profiles = gpu batch, strict\n"
	     "loosen = net,memory pids\n"
	     "loosen-rw = /data /scratch\n"
	     "spool = /var/spool/cells\n"
	     "spool-max = 2G\n"
	     "spool-max-user = none\n"
	     "spool-sync = off\n"
	     "cgroup-parent = /cells.slice\n"
	     "cgroup-jobs = /jobs.slice\n"
	     "cores = share\n"
	     "\n"
	     "[profile gpu]\n"
	     "base = batch\n"
	     "memory = 4G ; per cell\n"
	     "rw=/data\n"
	     "ro = %w\n"
	     "scratch = 25%\n");
	assert_true(site.given);
	assert_string_equal(site.default_profile, "gpu");
	assert_string_equal(site.profiles, "gpu batch, strict");
	assert_string_equal(site.spool, "/var/spool/cells");
	assert_int_equal(site.spool_max, 2LL << 30);
	assert_int_equal(site.spool_max_user, 0);
	assert_true(site.spool_unsynced);
	assert_string_equal(site.cgroup_parent, "/cells.slice");
	assert_string_equal(site.cgroup_jobs, "/jobs.slice");
	assert_true(site.share_cores);
	for (int i = 0; i < OPTIONS; i++)
		assert_int_equal(site.loosen[i], i == OPT_NET ||
							 i == OPT_MEMORY ||
							 i == OPT_PIDS);
	assert_int_equal(site.n_loosen_rw, 2);
	assert_string_equal(site.loosen_rw[0], "/data");
	assert_string_equal(site.loosen_rw[1], "/scratch");
	assert_string_equal(site_find(&site, "gpu")->base, "batch");
	assert_false(site_find(&site, "gpu")->built_in);
	assert_int_equal(site_find(&site, "gpu")->n_rows, 4);
	row_is("gpu", 0, "memory", "4G", "t.conf:17");
	row_is("gpu", 1, "rw", "/data", "t.conf:18");
	row_is("gpu", 2, "ro", "%w", "t.conf:19");
	row_is("gpu", 3, "scratch", "25%", "t.conf:20");
}

/* Keys of the site may stand before any section; no newline at the end. */
static void no_section(void **state)
{
	(void)state;
	good("default-profile = strict");
	assert_string_equal(site.default_profile, "strict");
}

static void carriage_returns(void **state)
{
	(void)state;
	good("[site]\r\ndefault-profile = strict\r\n");
	assert_string_equal(site.default_profile, "strict");
}

/* Indented lines are lines, not the rest of what stands before them. */
static void indented(void **state)
{
	(void)state;
	good("[site]\n"
	     "  profiles = batch\n"
	     "  loosen = pids\n"
	     "\tdefault-profile = strict\n"
	     "  [profile x]\n"
	     "    ro = /\n"
	     "    rw = /data\n");
	assert_string_equal(site.profiles, "batch");
	assert_true(site.loosen[OPT_PIDS]);
	assert_string_equal(site.default_profile, "strict");
	assert_int_equal(site_find(&site, "x")->n_rows, 2);
	row_is("x", 1, "rw", "/data", "t.conf:7");
}

static void later_wins(void **state)
{
	(void)state;
	good("loosen = all\nloosen-rw = /a\ndefault-profile = open\n");
	assert_true(site.loosen[OPT_PIDS]);
	good("loosen = net\nloosen-rw = /b\ndefault-profile = strict\n");
	assert_false(site.loosen[OPT_PIDS]);
	assert_true(site.loosen[OPT_NET]);
	assert_string_equal(site.default_profile, "strict");
	/* Directories add up. */
	assert_int_equal(site.n_loosen_rw, 2);
	good("loosen = none\n");
	assert_false(site.loosen[OPT_NET]);
}

/* A site's lines stand behind those of the built-in profile of the name. */
static void redefine(void **state)
{
	size_t n;

	(void)state;
	n = site_find(&site, "batch")->n_rows;
	good("[profile batch]\npid = host\n[profile site]\nbase = batch\n"
	     "[profile batch]\nnet = none\n");
	assert_true(site_find(&site, "batch")->built_in);
	assert_int_equal(site_find(&site, "batch")->n_rows, n + 2);
	row_is("batch", n, "pid", "host", "t.conf:2");
	row_is("batch", n + 1, "net", "none", "t.conf:6");
	assert_int_equal(site.n_profiles, 4);
	/* A second file adds to the first one's. */
	good("[profile batch]\nipc = host\n");
	assert_int_equal(site_find(&site, "batch")->n_rows, n + 3);
}

static void base_forward(void **state)
{
	(void)state;
	good("[profile a]\nbase = b\n[profile b]\nbase = c\n[profile c]\n"
	     "pid = new\n");
}

static void paths_are_clean(void **state)
{
	(void)state;
	good("loosen-rw = /data/ //scratch/./x / /a..b\n"
	     "scratch-dirs = /local/ /big\nscratch-projects = 7-9\n"
	     "spool = /var//spool/\ncgroup-parent = /cells.slice/\n");
	assert_int_equal(site.n_scratch_dirs, 2);
	assert_string_equal(site.scratch_dirs[0], "/local");
	assert_int_equal(site.first_project, 7);
	assert_int_equal(site.last_project, 9);
	assert_string_equal(site.loosen_rw[0], "/data");
	assert_string_equal(site.loosen_rw[1], "/scratch/x");
	assert_string_equal(site.loosen_rw[2], "/");
	assert_string_equal(site.loosen_rw[3], "/a..b");
	assert_string_equal(site.spool, "/var/spool");
	assert_string_equal(site.cgroup_parent, "/cells.slice");
}

/* --- what cannot --- */

static void mistakes(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "\n[sites]\nloosen = net\n",
		  "t.conf:3: unknown section [sites] (expected [site] or "
		  "[profile NAME])" },
		{ "[profile]\nnet = none\n",
		  "t.conf:2: unknown section [profile] (expected [site] or "
		  "[profile NAME])" },
		{ "[site]\nlosen = net\n",
		  "t.conf:2: unknown key 'losen' (see cloison.conf(5))" },
		{ "[profile x]\nmem = 4G\n",
		  "t.conf:2: unknown key 'mem' in [profile x] (see "
		  "cloison.conf(5))" },
		/* Options for users alone. */
		{ "[profile x]\nrecord = /r\n",
		  "t.conf:2: unknown key 'record' in [profile x] (see "
		  "cloison.conf(5))" },
		{ "[profile x]\nprofile = y\n",
		  "t.conf:2: unknown key 'profile' in [profile x] (see "
		  "cloison.conf(5))" },
		{ "[profile x]\n\nmemory = much\n",
		  "t.conf:3: 'much' is not a size (examples: 512M, 1.5G)" },
		{ "[profile x]\nnet = hosts\n",
		  "t.conf:2: 'hosts' is not one of none host veth:BRIDGE macvlan:INTERFACE ipvlan:INTERFACE" },
		{ "[profile x]\nro = data\n",
		  "t.conf:2: 'data' is not an absolute path" },
		{ "[profile x]\nro = /a/../b\n",
		  "t.conf:2: '/a/../b': '..' is not supported" },
		{ "[profile x]\nrw = %x\n",
		  "t.conf:2: rw: '%x': unknown expansion (known: %h %w %u %j "
		  "%%)" },
		{ "[profile x]\nhide =\n",
		  "t.conf:2: '' is not an absolute path" },
		{ "[site]\nloosen\n",
		  "t.conf:2: neither [section] nor key = value" },
		{ "[site\nloosen = net\n",
		  "t.conf:1: neither [section] nor key = value" },
		{ "[site]\nprofiles = a\n  b\n",
		  "t.conf:3: neither [section] nor key = value" },
		{ "[site]\nloosen =\n", "t.conf:2: 'loosen' has no value" },
		{ "[site]\nspool =\n", "t.conf:2: 'spool' has no value" },
		{ "[site]\nloosen = net nothing\n",
		  "t.conf:2: 'nothing' is nothing that can be loosened" },
		{ "[site]\nloosen = hostname\n",
		  "t.conf:2: 'hostname' is nothing that can be loosened" },
		{ "[site]\nloosen = tag\n",
		  "t.conf:2: 'tag' is nothing that can be loosened" },
		{ "[site]\nloosen-rw = /a b\n",
		  "t.conf:2: 'b' is not an absolute path" },
		{ "[site]\nloosen-rw = /a/..\n",
		  "t.conf:2: '/a/..': '..' is not supported" },
		{ "[site]\nrootfs-trust = images\n",
		  "t.conf:2: 'images' is not an absolute path" },
		{ "[site]\nspool = spool\n",
		  "t.conf:2: 'spool' is not an absolute path" },
		{ "[site]\nspool = /a/..\n",
		  "t.conf:2: '/a/..': '..' is not supported" },
		{ "[site]\ncgroup-parent = /a/../b\n",
		  "t.conf:2: '/a/../b': '..' is not supported" },
		{ "[site]\ncgroup-jobs = jobs\n",
		  "t.conf:2: 'jobs' is not an absolute path" },
		{ "[profile x]\nbase = y\npid = new\n",
		  "t.conf: [profile x]: base 'y' does not exist" },
		{ "[profile x]\nbase =\n",
		  "t.conf: [profile x]: base '' does not exist" },
		{ "[profile x]\nbase = x\n",
		  "t.conf: [profile x]: base 'x' leads back to itself" },
		{ "[profile a]\nbase = b\n[profile b]\nbase = a\n",
		  "t.conf: [profile a]: base 'b' leads back to itself" },
		{ "[site]\ndefault-profile = nope\n",
		  "t.conf: default-profile 'nope' does not exist" },
		{ "[site]\ndefault-profile = none\n",
		  "t.conf: default-profile 'none' does not exist" },
		{ "[site]\npartitions = gpu:strict:nope\n",
		  "t.conf: partitions: profile 'nope' of gpu does not exist" },
		{ "[site]\npartitions = gpu\n",
		  "t.conf:2: 'gpu' is not PARTITION:PROFILE" },
		{ "[site]\npartitions = gpu:\n",
		  "t.conf:2: 'gpu:' is not PARTITION:PROFILE" },
		{ "[site]\npartitions = :strict\n",
		  "t.conf:2: ':strict' is not PARTITION:PROFILE" },
		{ "[profile none]\npid = new\n",
		  "t.conf:2: no profile can be called 'none', which stands "
		  "for no cell" },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++)
		bad(rows[i].text, rows[i].message);
}

/* The first mistake is the one that is told. */
static void first_mistake(void **state)
{
	(void)state;
	bad("[site]\nfirst = 1\nsecond = 2\n[third]\nx = y\nnothing\n",
	    "t.conf:2: unknown key 'first' (see cloison.conf(5))");
	bad("[site]\nnothing\nfirst = 1\n",
	    "t.conf:2: neither [section] nor key = value");
}

static void control_characters(void **state)
{
	(void)state;
	bad("[profile x]\nro = /a\033b\n",
	    "t.conf:2: '/a?b' has a control character");
	bad("[profile x\ty]\nro = /\n",
	    "t.conf:2: 'x?y' is not a name (letters, digits, '-', '_'; at "
	    "most 40)");
	bad("[site]\nspool = /a\001\n",
	    "t.conf:2: '/a?' has a control character");
	bad("[site]\nloosen-rw = /a\001\n",
	    "t.conf:2: '/a?' has a control character");
}

static void profile_names(void **state)
{
	(void)state;
	/* What plugstack.conf and profiles= could not name. */
	bad("[profile a.b]\nro = /\n",
	    "t.conf:2: 'a.b' is not a name (letters, digits, '-', '_'; at "
	    "most 40)");
	bad("[profile a b]\nro = /\n",
	    "t.conf:2: 'a b' is not a name (letters, digits, '-', '_'; at "
	    "most 40)");
	good("[profile Big_mem-2]\nro = /\n"
	     "[profile a123456789b123456789c123456789d12345678]\nro = /\n");
	bad("[site]\ndefault-profile = a.b\n",
	    "t.conf:2: 'a.b' is not a name (letters, digits, '-', '_'; at "
	    "most 40)");
	bad("[site]\nprofiles = a b, c/d\n",
	    "t.conf:2: 'c/d' is not a name (letters, digits, '-', '_'; at "
	    "most 40)");
	/* inih cuts longer ones: two of them could become one. */
	bad("[profile a123456789b123456789c123456789d123456789z]\nro = /\n",
	    "t.conf:2: 'a123456789b123456789c123456789d123456789z' is not a "
	    "name (letters, digits, '-', '_'; at most 40)");
}

/* inih gives a buffer of its own: what is longer is no line of its own. */
static void long_lines(void **state)
{
	char text[600];
	const char *at;
	struct err err = { 0 };
	int line, max;

	(void)state;
	snprintf(text, sizeof(text), "[site]\nloosen-rw = /%0400d\n", 0);
	assert_int_equal(site_parse(&site, text, "t.conf", &err), -1);
	at = strstr(err.text, ": line over ");
	assert_non_null(at);
	assert_int_equal(
		sscanf(err.text, "t.conf:%d: line over %d bytes", &line, &max),
		2);
	assert_int_equal(line, 2);
	assert_null(site.loosen_rw);
	/* One that is just as long as that is read to its end. */
	snprintf(text, sizeof(text), "loosen-rw = /%0*d\n", max - 13, 0);
	good(text);
	assert_int_equal(strlen(site.loosen_rw[0]), max - 12);
	snprintf(text, sizeof(text), "loosen-rw = /%0*d\n", max - 12, 0);
	assert_int_equal(site_parse(&site, text, "t.conf", &err), -1);
}

/* The line is told however long the name of the file is. */
static void long_name(void **state)
{
	char name[150], text[200];
	struct err err = { 0 };

	(void)state;
	snprintf(name, sizeof(name), "/%0120d.conf", 0);
	assert_int_equal(site_parse(&site, "\nx = y\n", name, &err), -1);
	snprintf(text, sizeof(text), "%s:2: unknown key 'x'", name);
	assert_memory_equal(err.text, text, strlen(text));
}

/* --- plugstack.conf --- */

static void arguments(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_int_equal(site_argument(&site, "default-profile=strict", &err),
			 0);
	assert_true(site.given);
	assert_string_equal(site.default_profile, "strict");
	assert_int_equal(site_argument(&site, "loosen=net,pids", &err), 0);
	assert_true(site.loosen[OPT_NET] && site.loosen[OPT_PIDS]);
	assert_int_equal(site_argument(&site, "loosen-rw=/a.b/c", &err), 0);
	assert_string_equal(site.loosen_rw[0], "/a.b/c");
	assert_int_equal(site_argument(&site, "mine.memory=2G", &err), 0);
	assert_int_equal(site_argument(&site, "mine.rw=/a=b.c", &err), 0);
	assert_int_equal(site_argument(&site, "mine.base=batch", &err), 0);
	row_is("mine", 0, "memory", "2G", "plugstack.conf");
	row_is("mine", 1, "rw", "/a=b.c", "plugstack.conf");
	assert_string_equal(site_find(&site, "mine")->base, "batch");
}

/* Lines add up; of a partition that comes again the last line counts. */
static void partitions(void **state)
{
	const struct site_partition *p;

	(void)state;
	good("partitions = gpu:strict:batch debug:none\n"
	     "partitions = big:mine, debug:batch\n"
	     "[profile mine]\nmemory = 1G\n");
	assert_int_equal(site.n_partitions, 3);
	p = site_partition(&site, "gpu");
	assert_string_equal(p->profile[0], "strict");
	assert_string_equal(p->profile[1], "batch");
	assert_null(p->profile[2]);
	p = site_partition(&site, "debug");
	assert_string_equal(p->profile[0], "batch");
	assert_null(p->profile[1]);
	assert_null(site_partition(&site, "gp"));
	assert_null(site_partition(&site, NULL));
}

static void implied(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_int_equal(site_imply(&site, "strict", &err), 0);
	assert_true(site.given);
	assert_string_equal(site.implied, "strict");
	assert_string_equal(site.default_profile, "strict");
	assert_int_equal(site_check(&site, "p", &err), 0);
	/* It gives nobody who asks for a cell none. */
	assert_int_equal(site_imply(&site, "none", &err), 0);
	assert_int_equal(site_check(&site, "p", &err), 0);
	assert_int_equal(site_imply(&site, "nope", &err), 0);
	assert_int_equal(site_check(&site, "p", &err), -1);
	assert_string_equal(err.text,
			    "p: default: profile 'nope' does not exist");
	assert_int_equal(site_imply(&site, "", &err), -1);
	assert_string_equal(err.text,
			    "plugstack.conf: default: '' is not a name "
			    "(letters, digits, '-', '_'; at most 40)");
	site_free(&site);
	site_init(&site);
	good("default-profile = batch\n");
	assert_int_equal(site_imply(&site, "strict", &err), 0);
	assert_string_equal(site.default_profile, "batch");
}

static void argument_mistakes(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "verbose", "plugstack.conf: 'verbose' is not key=value" },
		{ "=x", "plugstack.conf: '=x' is not key=value" },
		{ "", "plugstack.conf: '' is not key=value" },
		{ "a.b", "plugstack.conf: 'a.b' is not key=value" },
		{ "losen=net", "plugstack.conf: unknown key 'losen' (see "
			       "cloison.conf(5))" },
		{ "loosen=", "plugstack.conf: 'loosen' has no value" },
		{ "x.mem=1G",
		  "plugstack.conf: unknown key 'mem' in [profile x] (see "
		  "cloison.conf(5))" },
		{ "x.memory=0",
		  "plugstack.conf: '0' is not a size (examples: 512M, 1.5G)" },
		{ "default-profile=a\n",
		  "plugstack.conf: 'a?' is not a name (letters, digits, '-', "
		  "'_'; at most 40)" },
		{ ".memory=1G",
		  "plugstack.conf: '' is not a name (letters, digits, '-', "
		  "'_'; at most 40)" },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		struct err err = { 0 };

		assert_int_equal(site_argument(&site, rows[i].text, &err), -1);
		assert_string_equal(err.text, rows[i].message);
	}
}

/* --- files --- */

static char path[40];

static int make_file(void **state)
{
	static const char text[] = "[site]\ndefault-profile = strict\n";
	int fd;

	setup(state);
	strcpy(path, "/tmp/test_site.XXXXXX");
	fd = mkstemp(path);
	if (fd < 0 || fchmod(fd, 0644) ||
	    write(fd, text, sizeof(text) - 1) != sizeof(text) - 1)
		return -1;
	return close(fd);
}

static int remove_file(void **state)
{
	unlink(path);
	rmdir(path);
	return release(state);
}

/* The message: the file, what is wrong, and by which command it is cured. */
static void refused(const char *what, const char *cure)
{
	struct err err = { 0 };
	char text[300];
	int n;

	assert_int_equal(site_load(&site, path, &err), -1);
	n = snprintf(text, sizeof(text), "%s: %s", path, what);
	if (cure)
		snprintf(text + n, sizeof(text) - (size_t)n, " (%s '%s')", cure,
			 path);
	assert_string_equal(err.text, text);
	assert_false(site.given);
}

static void load_root_file(void **state)
{
	struct err err = { 0 };

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(site_load(&site, path, &err), 0);
	assert_string_equal(site.default_profile, "strict");
	assert_true(site.given);
}

static void load_names_file_and_line(void **state)
{
	struct err err = { 0 };
	char text[100];
	FILE *f;

	(void)state;
	if (geteuid() != 0)
		skip();
	f = fopen(path, "a");
	assert_non_null(f);
	fputs("bad = 1\n", f);
	fclose(f);
	assert_int_equal(site_load(&site, path, &err), -1);
	snprintf(text, sizeof(text),
		 "%s:3: unknown key 'bad' (see cloison.conf(5))", path);
	assert_string_equal(err.text, text);
}

static void load_other_owner(void **state)
{
	char what[80];
	unsigned uid = geteuid();

	(void)state;
	if (!uid) {
		uid = 12345;
		assert_int_equal(chown(path, uid, 0), 0);
	}
	snprintf(what, sizeof(what), "owned by uid %u, not root", uid);
	refused(what, "chown root");
}

static void load_writable_by_others(void **state)
{
	static const mode_t modes[] = { 0664, 0646, 0622, 0666 };

	(void)state;
	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < N(modes); i++) {
		assert_int_equal(chmod(path, modes[i]), 0);
		refused("writable by others than root", "chmod go-w");
	}
}

static void load_not_a_file(void **state)
{
	(void)state;
	unlink(path);
	refused("No such file or directory", NULL);
	assert_int_equal(mkdir(path, 0755), 0);
	refused("not a regular file", NULL);
	rmdir(path);
	/* Nobody waits for a writer. */
	assert_int_equal(mkfifo(path, 0644), 0);
	refused("not a regular file", NULL);
}

static void load_zero_byte(void **state)
{
	int fd;

	(void)state;
	if (geteuid() != 0)
		skip();
	fd = open(path, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "\0x = y\n", 7), 7);
	close(fd);
	refused("contains a zero byte", NULL);
}

static void load_too_big(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(truncate(path, 256 * 1024 + 1), 0);
	refused("File too large", NULL);
}

#define TEST(f)      cmocka_unit_test_setup_teardown(f, setup, release)
#define FILE_TEST(f) cmocka_unit_test_setup_teardown(f, make_file, remove_file)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(built_in),
		TEST(nothing_said),
		TEST(whole_file),
		TEST(no_section),
		TEST(carriage_returns),
		TEST(indented),
		TEST(later_wins),
		TEST(redefine),
		TEST(base_forward),
		TEST(paths_are_clean),
		TEST(mistakes),
		TEST(first_mistake),
		TEST(control_characters),
		TEST(profile_names),
		TEST(long_lines),
		TEST(long_name),
		TEST(arguments),
		TEST(partitions),
		TEST(implied),
		TEST(argument_mistakes),
		FILE_TEST(load_root_file),
		FILE_TEST(load_names_file_and_line),
		FILE_TEST(load_other_owner),
		FILE_TEST(load_writable_by_others),
		FILE_TEST(load_not_a_file),
		FILE_TEST(load_zero_byte),
		FILE_TEST(load_too_big),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
