/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <libxml/xmlwriter.h>
#include <stdbool.h>
#include <string.h>

#include "base/pool.h"
#include "collector/export.h"
#include "collector/text.h"

static const char ns[] = "http://schema.ogf.org/urf/2003/09/urf";

/* The document; its strings are of `pool`. */
struct ur {
	xmlTextWriterPtr xml;
	struct pool pool;
	bool failed;
};

/* Of the document's prefix; NULL is left out. */
struct attribute {
	const char *name, *value;
};

/* Not all characters of a record's strings may stand in XML 1.0. */
static bool is_char(uint32_t c)
{
	return c == '\t' || c == '\n' || c == '\r' || c == 0xfffd ||
	       (c >= 0x20 && c < 0xfffe) || c >= 0x10000;
}

static const char *clean(struct pool *pool, const char *s)
{
	char *copy = pool_alloc(pool, 3 * strlen(s) + 1), *out = copy;

	while (*s) {
		uint32_t c;
		size_t n = record_utf8(s, strlen(s), &c);

		out = n && is_char(c) ? mempcpy(out, s, n)
				      : stpcpy(out, "\xef\xbf\xbd");
		s += n ? n : 1;
	}
	return copy;
}

static void begin(struct ur *ur, const char *name)
{
	ur->failed |= xmlTextWriterStartElementNS(ur->xml, BAD_CAST "urf",
						  BAD_CAST name, NULL) < 0;
}

static void end(struct ur *ur)
{
	ur->failed |= xmlTextWriterEndElement(ur->xml) < 0;
}

static void attribute(struct ur *ur, const char *name, const char *value)
{
	ur->failed |= value && xmlTextWriterWriteAttributeNS(
				       ur->xml, BAD_CAST "urf", BAD_CAST name,
				       NULL, BAD_CAST value) < 0;
}

/* An element; none for what was not measured. */
static void put(struct ur *ur, const char *name, const char *text,
		const struct attribute *attributes, size_t n)
{
	if (!text)
		return;
	begin(ur, name);
	for (size_t i = 0; i < n; i++)
		attribute(ur, attributes[i].name, attributes[i].value);
	ur->failed |= xmlTextWriterWriteString(
			      ur->xml, BAD_CAST clean(&ur->pool, text)) < 0;
	end(ur);
}

static void put_plain(struct ur *ur, const char *name, const char *text)
{
	put(ur, name, text, NULL, 0);
}

/* xsd:positiveInteger has no zero: then there is nothing to say. */
static const char *positive(struct ur *ur, int64_t v)
{
	return v > 0 ? pool_printf(&ur->pool, "%lld", (long long)v) : NULL;
}

static void put_amount(struct ur *ur, const char *name, int64_t bytes,
		       const char *metric, const char *type)
{
	const struct attribute attributes[] = {
		{ "storageUnit", "B" },
		{ "metric", metric },
		{ "type", type },
	};

	put(ur, name, positive(ur, bytes), attributes, 3);
}

static void put_duration(struct ur *ur, const char *name, int64_t us,
			 const char *type)
{
	const struct attribute attributes[] = { { "usageType", type } };

	if (us >= 0)
		put(ur, name,
		    pool_printf(&ur->pool, "PT%lld.%06dS",
				(long long)(us / 1000000), (int)(us % 1000000)),
		    attributes, type ? 1 : 0);
}

static void put_resource(struct ur *ur, const char *what, const char *text)
{
	const struct attribute attributes[] = { { "description", what } };

	put(ur, "Resource", text, attributes, 1);
}

/* In the words of the standard. */
static const char *status(const struct record *r)
{
	if (r->exit.code == 0)
		return "completed";
	return r->exit.reason && (!strcmp(r->exit.reason, "lost") ||
				  !strcmp(r->exit.reason, "cancelled"))
		       ? "aborted"
		       : "failed";
}

static int64_t sum(int64_t a, int64_t b)
{
	return a < 0 || b < 0 ? -1 : a + b;
}

static void put_identity(struct ur *ur, const struct record *r)
{
	begin(ur, "RecordIdentity");
	attribute(ur, "recordId", r->id);
	attribute(ur, "createTime",
		  r->time.end_us < 0 ? NULL
				     : text_utc(&ur->pool, r->time.end_us));
	end(ur);
	begin(ur, "JobIdentity");
	put_plain(ur, "LocalJobId",
		  r->scheduler.job ? r->scheduler.job : r->id);
	end(ur);
	begin(ur, "UserIdentity");
	if (r->user.name || r->user.uid < 0)
		put_plain(ur, "LocalUserId", r->user.name);
	else
		put_plain(
			ur, "LocalUserId",
			pool_printf(&ur->pool, "%lld", (long long)r->user.uid));
	end(ur);
}

static void put_time(struct ur *ur, const char *name, int64_t us)
{
	if (us >= 0)
		put_plain(ur, name, text_utc(&ur->pool, us));
}

static void put_use(struct ur *ur, const struct record *r)
{
	const struct cg_usage *u = &r->usage;
	const struct attribute primary[] = { { "primary", "true" } };

	put_amount(ur, "Disk", sum(u->io_read, u->io_write), "total", NULL);
	put_amount(ur, "Memory",
		   u->memory_peak > 0 ? u->memory_peak : r->memory.max_process,
		   "max", "physical");
	put_amount(ur, "Network", sum(r->net.rx, r->net.tx), "total", NULL);
	put_duration(ur, "WallDuration", r->time.wall_us, NULL);
	if (u->cpu_user_us >= 0 && u->cpu_system_us >= 0) {
		put_duration(ur, "CpuDuration", u->cpu_user_us, "user");
		put_duration(ur, "CpuDuration", u->cpu_system_us, "system");
	} else {
		put_duration(ur, "CpuDuration", u->cpu_usage_us, NULL);
	}
	put_plain(ur, "NodeCount", "1");
	put_plain(ur, "Processors", positive(ur, r->cpu.count));
	put_time(ur, "EndTime", r->time.end_us);
	put_time(ur, "StartTime", r->time.start_us);
	put_plain(ur, "MachineName",
		  r->scheduler.cluster ? r->scheduler.cluster : r->node);
	put_plain(ur, "Queue", r->scheduler.queue);
	put_plain(ur, "ProjectName",
		  r->scheduler.project ? r->scheduler.project
				       : r->user.account);
	put(ur, "Host", r->node, primary, 1);
}

static int put_record(void *arg, const struct store_row *row, struct err *err)
{
	struct ur *ur = arg;
	struct record r;

	if (record_parse(row->text, row->len, &ur->pool, &r, err))
		return err_prefix(err, "a record of the store");
	begin(ur, "JobUsageRecord");
	put_identity(ur, &r);
	put_plain(ur, "JobName",
		  r.scheduler.job_name ? r.scheduler.job_name
				       : r.scheduler.step);
	put_plain(ur, "Status", status(&r));
	put_use(ur, &r);
	put_resource(ur, "profile", r.cell.profile);
	put_resource(ur, "reason", r.exit.reason);
	end(ur);
	pool_free(&ur->pool);
	return ur->failed ? err_set(err, EIO, "write XML") : 0;
}

static int flush(void *arg, const char *text, int len)
{
	return fwrite(text, 1, (size_t)len, arg) == (size_t)len ? len : -1;
}

int export_ur(struct store *store, const struct store_filter *filter, FILE *out,
	      struct err *err)
{
	xmlOutputBufferPtr buf =
		xmlOutputBufferCreateIO(flush, NULL, out, NULL);
	struct ur ur = { .xml = buf ? xmlNewTextWriter(buf) : NULL };
	int result;

	if (!ur.xml)
		return err_set(err, ENOMEM, "write XML");
	xmlTextWriterSetIndent(ur.xml, 1);
	ur.failed |=
		xmlTextWriterStartDocument(ur.xml, NULL, "UTF-8", NULL) < 0;
	ur.failed |= xmlTextWriterStartElementNS(ur.xml, BAD_CAST "urf",
						 BAD_CAST "UsageRecords",
						 BAD_CAST ns) < 0;
	result = store_each(store, filter, put_record, &ur, err);
	ur.failed |= xmlTextWriterEndDocument(ur.xml) < 0;
	xmlFreeTextWriter(ur.xml);
	pool_free(&ur.pool);
	if (!result && ur.failed)
		return err_set(err, EIO, "write XML");
	return result;
}
